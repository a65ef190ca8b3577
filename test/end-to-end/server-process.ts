/**
 * Server processes for tests: starts any web server, waits until it can be spoken to, and stops
 * it for certain.
 *
 * Owns the life of the processes it starts and knows nothing of what they serve; bytes to and
 * from them are `raw-client.ts`'s. Each server runs in a session of its own (setsid(2)), and
 * every process of it carries a mark in its environment, so that one which stays behind is found
 * even if it left the session.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** The checkout. */
export const PROJECT_FOLDER = path.resolve(import.meta.dirname, "..", "..");

/** The program under test. */
export const PORTICO = path.join(PROJECT_FOLDER, "bin", "portico");

/**
 * Time for a server to say its address or to answer. A framework's import on a busy machine takes
 * seconds.
 */
const START_TIMEOUT_MS = 30_000;
/**
 * Time for a server to end after SIGTERM; then it is killed, and the test that stopped it fails.
 */
const STOP_TIMEOUT_MS = 15_000;
/** Time for processes that were sent SIGKILL, or whose parent has ended, to be gone. */
const GONE_TIMEOUT_MS = 3_000;
const POLL_INTERVAL_MS = 20;
/** Output beyond this is dropped, its beginning first. */
const OUTPUT_KEPT_MAX_CHARS = 1_000_000;

const MARK = "SERVER_PROCESS_MARK";
const ANNOUNCED_ADDRESS = /http:\/\/(?:[\w.-]+|\[[\w:.]+\]):(\d+)/;

export interface StartOptions {
  /** Working folder; the checkout where it is not given. */
  readonly cwd?: string;
  /** Set over this process's own environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly startTimeoutMs?: number;
  /**
   * How to tell that the server serves: `"announced"` (the default) waits for `http://HOST:PORT`
   * on its standard output or standard error, a number waits until that port of 127.0.0.1 takes
   * connections, and null does not wait.
   */
  readonly ready?: "announced" | number | null;
}

/** How a process ended, as waitpid(2) tells: one of the two is null. */
export interface ProcessEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How a program ended, and everything it wrote. */
export interface FinishedProcess extends ProcessEnd {
  readonly stdout: string;
  readonly stderr: string;
}

/** Sessions that are still to be stopped; whatever ends this process takes them with it. */
const running = new Set<ServerProcess>();

process.on("exit", () => {
  for (const server of running) server.killAll();
});
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => process.exit(status));
}

/**
 * A server that was started by a test. Use it with `await using`, or call {@link
 * ServerProcess.stop} in `after`.
 */
export class ServerProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  /** PID of the server, and number of its session. */
  readonly pid: number;
  /** How the first process of the server ended. */
  readonly ended: Promise<ProcessEnd>;
  /**
   * The port that it was found to serve at; 0 where it was not waited for, or listens elsewhere.
   */
  port = 0;
  stdout = "";
  stderr = "";
  end: ProcessEnd | null = null;
  /** Settles when every process that held the server's output has closed it. */
  readonly #outputEnded: Promise<unknown>;
  readonly #mark: string;
  readonly #commandLine: string;

  constructor(command: string, args: readonly string[], options: StartOptions) {
    this.#mark = randomUUID();
    this.#commandLine = [command, ...args].join(" ");
    this.child = spawn(command, args, {
      cwd: options.cwd ?? PROJECT_FOLDER,
      env: { ...inheritedEnvironment(), NO_COLOR: "1", ...options.env, [MARK]: this.#mark },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    assert(this.child.pid !== undefined, `${this.#commandLine}: could not be started`);
    this.pid = this.child.pid;
    running.add(this);
    for (const name of ["stdout", "stderr"] as const) {
      this.child[name]?.setEncoding("utf8").on("data", (text: string) => {
        this[name] = (this[name] + text).slice(-OUTPUT_KEPT_MAX_CHARS);
      });
    }
    this.#outputEnded = once(this.child, "close");
    this.ended = once(this.child, "exit").then(([status, signal]) => {
      this.end = { status, signal };
      return this.end;
    });
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the server wrote, for messages of assertions. */
  get output(): string {
    return `${this.#commandLine}\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`;
  }

  /** PIDs of every process that the server consists of, itself included, zombies left out. */
  processes(): number[] {
    return listProcesses()
      .filter(({ pid, session }) => session === this.pid || readMark(pid) === this.#mark)
      .map(({ pid }) => pid);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /**
   * Waits until standard error matches: what a server writes about a request comes some time after
   * its answer, and what it writes at its end some time after that.
   */
  async untilLogged(pattern: RegExp, timeoutMs = 10_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!pattern.test(this.stderr)) {
      assert.ok(performance.now() < deadline, `${pattern} is not in the log:\n${this.output}`);
      await pause(POLL_INTERVAL_MS);
    }
  }

  /**
   * Waits until `condition` holds, looked at every {@link POLL_INTERVAL_MS}.
   *
   * @throws {AssertionError} with the server's output when it ended first or `timeoutMs` have
   *   passed
   */
  async until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    timeoutMs = START_TIMEOUT_MS,
  ): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await condition())) {
      if (this.end !== null) {
        await settles(this.#outputEnded, GONE_TIMEOUT_MS);
        assert.fail(`ended before ${what}: ${JSON.stringify(this.end)}\n${this.output}`);
      }
      assert(performance.now() < deadline, `${timeoutMs} ms without ${what}\n${this.output}`);
      await pause(POLL_INTERVAL_MS);
    }
  }

  /**
   * Stops the server with SIGTERM and waits until all of its processes are gone.
   *
   * @returns how it ended
   * @throws {AssertionError} when it had to be killed, or left a process behind. It is gone all
   *   the same.
   */
  async stop(timeoutMs = STOP_TIMEOUT_MS): Promise<ProcessEnd> {
    if (this.end === null) this.signal("SIGTERM");
    const inTime = await settles(this.ended, timeoutMs);
    if (!inTime) this.killAll();
    const end = await this.ended;
    const left = await this.#waitUntilGone();
    this.killAll();
    await this.#outputEnded;
    running.delete(this);
    assert(
      inTime,
      `did not end within ${timeoutMs} ms of SIGTERM, so it was killed\n${this.output}`,
    );
    assert.deepEqual(left, [], `processes were left behind\n${this.output}`);
    return end;
  }

  /** Sends SIGKILL to every process of the server. Idempotent. */
  killAll(): void {
    for (const pid of this.processes()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended between the look and the signal.
      }
    }
    if (this.end === null) this.child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (running.has(this)) await this.stop();
  }

  async #waitUntilGone(): Promise<number[]> {
    const deadline = performance.now() + GONE_TIMEOUT_MS;
    let left = this.processes();
    while (left.length > 0 && performance.now() < deadline) {
      await pause(POLL_INTERVAL_MS);
      left = this.processes();
    }
    return left;
  }
}

/**
 * Starts a server and waits until it is ready, as `options.ready` says.
 *
 * @throws {AssertionError} with its output when it ends or stays silent; nothing of it is left then
 */
export async function startServer(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<ServerProcess> {
  const server = new ServerProcess(command, args, options);
  const { ready = "announced", startTimeoutMs = START_TIMEOUT_MS } = options;
  try {
    if (ready === "announced") {
      await server.until("an address in its output", () => announcedPort(server), startTimeoutMs);
    } else if (ready !== null) {
      await server.until(`port ${ready} open`, () => takesConnections(ready), startTimeoutMs);
      server.port = ready;
    }
  } catch (error) {
    server.killAll();
    await server.stop();
    throw error;
  }
  return server;
}

/**
 * Starts `bin/portico` on a port of the kernel's choice (unless `args` says `--bind`).
 *
 * @param args  what follows the program's name: options, then the application reference
 */
export function startPortico(
  args: readonly string[],
  options: StartOptions = {},
): Promise<ServerProcess> {
  const bound = args.some((argument) => argument === "-b" || argument.startsWith("--bind"));
  return startServer(PORTICO, bound ? args : ["--bind", "127.0.0.1:0", ...args], options);
}

/**
 * Runs a program to its end, for servers that must refuse to start.
 *
 * @throws {AssertionError} when it is still running after `startTimeoutMs`, or left a process
 *   behind
 */
export async function runToEnd(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<FinishedProcess> {
  const server = new ServerProcess(command, args, options);
  const inTime = await settles(server.ended, options.startTimeoutMs ?? START_TIMEOUT_MS);
  if (!inTime) server.killAll();
  const end = await server.stop();
  assert(inTime, `still running\n${server.output}`);
  return { ...end, stdout: server.stdout, stderr: server.stderr };
}

/**
 * {@link runToEnd} for `bin/portico`. Where it is not told where to listen it takes a port of the
 * kernel's choice: the usual one may be another test's, or anybody's.
 */
export function runPortico(
  args: readonly string[],
  options: StartOptions = {},
): Promise<FinishedProcess> {
  const env = { PORTICO_BIND: "127.0.0.1:0", ...options.env };
  return runToEnd(PORTICO, args, { ...options, env });
}

/**
 * This process's environment without what would set options of the servers that are started, and
 * without what makes Node read certificates in a thread at its start: whoever is forked at that
 * moment has that file open as well.
 */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  const isLeftOut =
    /^(?:PORTICO_|GUNICORN_|OTEL_|PORT$|WEB_CONCURRENCY$|VIRTUAL_ENV$|PYTHONPATH$|NODE_EXTRA_CA_)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isLeftOut.test(name)));
}

function announcedPort(server: ServerProcess): boolean {
  const found = ANNOUNCED_ADDRESS.exec(server.stdout) ?? ANNOUNCED_ADDRESS.exec(server.stderr);
  server.port = Number(found?.[1] ?? 0);
  return server.port > 0;
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Whether the promise settles within the time given. */
async function settles(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const stopWaiting = new AbortController();
  const late = pause(timeoutMs, false, { signal: stopWaiting.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    stopWaiting.abort();
  }
}

/** Every process that is not a zombie, by proc(5); none on systems without it. */
function listProcesses(): { pid: number; session: number }[] {
  const found: { pid: number; session: number }[] = [];
  for (const name of procEntries()) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      // The program's name stands in parentheses and may hold anything, so read behind the last
      // one.
      const [state, , , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state !== "Z") found.push({ pid: Number(name), session: Number(session) });
    } catch {
      // It ended while we were looking.
    }
  }
  return found;
}

function procEntries(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function readMark(pid: number): string | null {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    return (
      environment.find((entry) => entry.startsWith(`${MARK}=`))?.slice(MARK.length + 1) ?? null
    );
  } catch {
    return null;
  }
}
