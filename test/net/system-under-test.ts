/**
 * For tests: the real libraries, the same with some calls replaced, and Node programs that use the
 * source.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Libc, type SystemLibraries, systemLibraries } from "../../src/os/libc.ts";
import { soon } from "./recording-handler.ts";

/** @throws {Error} where our own sockets are not available: these tests are about nothing else */
export function availableLibraries(): SystemLibraries {
  const libraries = systemLibraries();
  assert.ok(!("unavailable" in libraries), JSON.stringify(libraries));
  return libraries;
}

export interface ProgramEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a module until it ends by itself; in it, `SOURCE` is the URL of `src/`. */
export async function runNode(program: string): Promise<ProgramEnd> {
  const source = new URL("../../src/", import.meta.url).href;
  const text = program.replaceAll("SOURCE", JSON.stringify(source));
  const child = spawn(process.execPath, ["--input-type=module", "--eval", text], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => (stdout += piece));
  child.stderr.setEncoding("utf8").on("data", (piece: string) => (stderr += piece));
  try {
    const [status] = (await soon(once(child, "close"), "the program's end")) as [number | null];
    return { status, stdout, stderr };
  } finally {
    child.kill("SIGKILL");
  }
}

/**
 * The real libc with some functions replaced; `fail(errno)` makes the next `errno()` say that, and
 * returns -1.
 */
export function altered(
  change: (libc: Libc, fail: (errno: number) => number) => Partial<Libc>,
): SystemLibraries {
  const { libc, libuv } = availableLibraries();
  let pending: number | null = null;
  const fail = (errno: number): number => {
    pending = errno;
    return -1;
  };
  const errno = (): number => {
    const value = pending ?? libc.errno();
    pending = null;
    return value;
  };
  return { libc: { ...libc, errno, ...change(libc, fail) }, libuv };
}
