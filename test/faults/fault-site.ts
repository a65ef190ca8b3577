/**
 * A site in a folder of its own, served by `bin/portico`, to which a test does something: its code
 * can be edited, its processes found, its log and what its application noted read.
 *
 * Owns folder, server and loads; knows no fault.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { statusOf } from "../end-to-end/process-tree.ts";
import {
  PORTICO,
  type ServerProcess,
  type StartOptions,
  startPortico,
  startServer,
} from "../end-to-end/server-process.ts";
import type { GatewayStatus } from "../../src/server/gateway-status.ts";
import { Load, type LoadSettings } from "./load-client.ts";

const VICTIM = path.join(import.meta.dirname, "applications", "victim.py");
/** The longest that a command for a running portico may take in a test. */
const COMMAND_TIMEOUT_MS = 30_000;

export interface SiteOptions {
  /** Before the application's reference. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Source of `shop.py`, which makes `app`; `victim:app` is served where there is none. */
  readonly code?: string | undefined;
  /** Limit of open descriptors (`ulimit -n`), for the gateway and for all that it starts. */
  readonly descriptorsMax?: number;
  /** false: does not wait until it serves. */
  readonly waits?: boolean;
}

export interface CommandEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class FaultSite implements AsyncDisposable {
  readonly server: ServerProcess;
  readonly folder: string;
  readonly ledger: string;
  readonly #loads: Load[] = [];
  readonly #isLed: boolean;

  private constructor(server: ServerProcess, folder: string, isLed: boolean) {
    this.server = server;
    this.#isLed = isLed;
    this.folder = folder;
    this.ledger = path.join(folder, "ledger");
  }

  static async start(options: SiteOptions): Promise<FaultSite> {
    const { args = [], env = {}, code, descriptorsMax, waits = true } = options;
    const folder = mkdtempSync(path.join(os.tmpdir(), "portico-fault-"));
    writeFileSync(path.join(folder, "ledger"), "");
    copyFileSync(VICTIM, path.join(folder, "victim.py"));
    if (code !== undefined) writeFileSync(path.join(folder, "shop.py"), code);
    const reference = code === undefined ? "victim:app" : "shop:app";
    try {
      const portico = ["--chdir", folder, ...args, reference];
      const started: StartOptions = {
        env: {
          FAULT_LEDGER: path.join(folder, "ledger"),
          // Two edits within a second would else have the old byte code run.
          PYTHONDONTWRITEBYTECODE: "1",
          XDG_RUNTIME_DIR: folder,
          ...env,
        },
        ready: waits ? "announced" : null,
      };
      const server = await (descriptorsMax === undefined
        ? startPortico(portico, started)
        : startLimited(descriptorsMax, portico, started));
      return new FaultSite(server, folder, args.includes("--gateways"));
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get port(): number {
    return this.server.port;
  }

  get pid(): number {
    return this.server.pid;
  }

  /** What the server has written to its standard error. */
  get log(): string {
    return this.server.stderr;
  }

  /** Lines of the log that match. */
  logged(pattern: RegExp): string[] {
    return this.log.split("\n").filter((line) => pattern.test(line));
  }

  /** A load that is ended with the site, if the test does not end it first. */
  load(settings: Omit<LoadSettings, "target"> = {}): Load {
    const load = new Load({ target: this.port, name: `r${this.#loads.length}`, ...settings });
    this.#loads.push(load);
    return load;
  }

  /** What the application noted, in order. */
  notes(): string[] {
    return readFileSync(this.ledger, "utf8").split("\n").slice(0, -1);
  }

  /** Lets views go on that wait with `until=NAME` in their query. */
  tell(name: string): void {
    writeFileSync(`${this.ledger}.${name}`, "");
  }

  /** Puts another `shop.py` in place, in one step as a deploy does. */
  edit(code: string, name = "shop.py"): void {
    const file = path.join(this.folder, name);
    writeFileSync(`${file}.new`, code);
    renameSync(`${file}.new`, file);
  }

  /**
   * PIDs of the workers: children of the gateway's children, zombies left out. The guardian of a
   * zygote is nobody's child here.
   */
  workers(): number[] {
    return this.gateways()
      .flatMap((gateway) => children(gateway))
      .flatMap((zygote) => children(zygote))
      .filter((pid) => statusOf(pid)?.state !== "Z");
  }

  /** PIDs of zygotes that have workers. */
  zygotes(): number[] {
    return this.gateways()
      .flatMap((gateway) => children(gateway))
      .filter((pid) => children(pid).length > 0);
  }

  /** The one gateway, or with `--gateways` those that the first process leads. */
  gateways(): number[] {
    return this.#isLed ? children(this.pid) : [this.pid];
  }

  /** PIDs of what has ended and was not reaped, of the gateways' children and theirs. */
  zombies(): number[] {
    return this.gateways()
      .flatMap((gateway) => [gateway, ...children(gateway)])
      .flatMap((pid) => [pid, ...children(pid)])
      .filter((pid) => statusOf(pid)?.state === "Z");
  }

  /** Number of descriptors that the gateway has open. */
  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** The gateway's resident memory, in bytes. */
  memoryBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "latin1");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  async untilWorkers(count: number): Promise<void> {
    await this.server.until(`${count} workers`, () => this.workers().length === count);
  }

  /** Runs `portico COMMAND` for this site's gateway. */
  async command(...args: readonly string[]): Promise<CommandEnd> {
    const [name = "", ...rest] = args;
    const child = spawn(PORTICO, [name, "--pid", String(this.pid), ...rest], {
      env: { ...process.env, XDG_RUNTIME_DIR: this.folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const written = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => (written[stream] += text));
    }
    const timer = setTimeout(() => child.kill("SIGKILL"), COMMAND_TIMEOUT_MS);
    const [status, signal] = (await once(child, "close")) as [number | null, string | null];
    clearTimeout(timer);
    assert.equal(signal, null, `portico ${args.join(" ")} did not end\n${this.server.output}`);
    return { status, ...written };
  }

  /** What `portico status --json` says. */
  async status(): Promise<GatewayStatus> {
    const { status, stdout, stderr } = await this.command("status", "--json");
    assert.equal(status, 0, `${stderr}\n${this.server.output}`);
    return JSON.parse(stdout) as GatewayStatus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What is still under way is answered by the stop.
    const stopped = this.#loads.map((load) => load.stop());
    await this.server[Symbol.asyncDispose]();
    await Promise.all(stopped);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function startLimited(
  descriptorsMax: number,
  args: readonly string[],
  options: StartOptions,
): Promise<ServerProcess> {
  const limit = `ulimit -n ${descriptorsMax}; exec "$0" "$@"`;
  return startServer("sh", ["-c", limit, PORTICO, "--bind", "127.0.0.1:0", ...args], options);
}

/**
 * Children of a process, by `/proc/PID/task/TID/children`: tests look many times a second, and
 * there may be thousands of processes beside these.
 */
function children(pid: number): number[] {
  try {
    const folder = `/proc/${pid}/task`;
    return readdirSync(folder).flatMap((thread) =>
      readFileSync(`${folder}/${thread}/children`, "latin1")
        .split(" ")
        .filter((word) => word !== "")
        .map(Number),
    );
  } catch {
    // It has ended.
    return [];
  }
}
