/**
 * Runs a client program, such as curl, to its end, with what it is given on its standard input.
 *
 * Owns the process and its bound in time. Must not know what the program does.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

/** A client that is still running then is killed, and its test fails. */
const CLIENT_TIMEOUT_MS = 60_000;

export interface ClientOptions {
  /** What the program reads; it sees the end of it at once where nothing is given. */
  readonly input?: Uint8Array | string;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

export interface ClientEnd {
  readonly status: number | null;
  readonly stdout: Buffer;
  /** What it wrote to standard output, as UTF-8. */
  readonly text: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** @throws {AssertionError} when it does not end in time */
export async function runClient(
  program: string,
  args: readonly string[],
  options: ClientOptions = {},
): Promise<ClientEnd> {
  const { input = "", timeoutMs = CLIENT_TIMEOUT_MS } = options;
  const beganAtMs = performance.now();
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: "C", HOME: "/nonexistent" },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const stdout: Buffer[] = [];
  let stderr = "";
  child.stdout.on("data", (bytes: Buffer) => stdout.push(bytes));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  // A program that does not read to the end of its input is not at fault.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [status, signal] = (await once(child, "close")) as [number | null, string | null];
  const tookMs = performance.now() - beganAtMs;
  const commandLine = [program, ...args].join(" ");
  assert(signal !== "SIGKILL", `still running after ${timeoutMs} ms: ${commandLine}\n${stderr}`);
  const bytes = Buffer.concat(stdout);
  return { status, stdout: bytes, text: bytes.toString("utf8"), stderr, tookMs };
}
