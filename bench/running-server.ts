/**
 * A server that was started to be measured: in a session of its own (setsid(2)), so that all its
 * processes are found, and stopped.
 *
 * Must not know what is measured.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Entrant } from "./entrants.ts";
import { freePort } from "./free-port.ts";
import { INSPECTED } from "./inspector.ts";
import { ACCESS_LOG_FILE, APPLICATIONS_FOLDER, SERVERS } from "./servers.ts";
import { sessionUsage } from "./session-usage.ts";

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;
const STOP_INTERVAL_MS = 20;
/** How often a server that starts is asked; what the time of a start is exact to. */
const ASK_INTERVAL_MS = 5;
const OUTPUT_KEPT_MAX_CHARS = 4_000;

export class RunningServer implements AsyncDisposable {
  readonly port: number;
  /** The PID of its first process, and of its session. */
  readonly leader: number;
  /** From the start of the process to the end of the first answer. */
  readonly startMs: number;
  /** What it wrote until it answered. */
  readonly startOutput: string;

  private constructor(port: number, leader: number, startMs: number, startOutput: string) {
    this.port = port;
    this.leader = leader;
    this.startMs = startMs;
    this.startOutput = startOutput;
  }

  /** @throws {Error} when it does not come to answer; nothing of it is left then */
  static async start(entrant: Entrant, module: string): Promise<RunningServer> {
    const port = await freePort();
    const [program, ...args] = SERVERS[entrant.server].command({ module, port }, entrant.setup);
    // What an earlier one wrote is no part of this measurement.
    rmSync(path.resolve(APPLICATIONS_FOLDER, ACCESS_LOG_FILE), { force: true });
    const begun = performance.now();
    const child = spawn(program, args, {
      cwd: APPLICATIONS_FOLDER,
      env: entrant.isInspected ? { ...process.env, NODE_OPTIONS: INSPECTED } : process.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { pid } = child;
    if (pid === undefined) {
      await once(child, "error");
      throw new Error(`${entrant.name}: ${program} could not be started`);
    }
    running.add(pid);
    try {
      const output = await untilAnswers(entrant.name, port, child);
      return new RunningServer(port, pid, performance.now() - begun, output);
    } catch (error) {
      await stop(pid);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.leader);
  }
}

/** The sessions that are to be ended when this process ends before it has stopped them. */
const running = new Set<number>();

/** Has no server outlive this process, also when it is interrupted. */
export function stopServersAtExit(): void {
  process.on("exit", () => {
    for (const leader of running) signalAll(sessionUsage(leader).pids, "SIGKILL");
  });
  process.once("SIGINT", () => process.exit(130));
  process.once("SIGTERM", () => process.exit(143));
}

/** @returns the end of what it wrote until then */
async function untilAnswers(name: string, port: number, child: ChildProcess): Promise<string> {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_KEPT_MAX_CHARS);
    });
  }
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`${name} does not answer at port ${port}; its output:\n${output}`);
    }
    await pause(ASK_INTERVAL_MS);
  }
  return output;
}

async function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const request = http.get({ port, host: "127.0.0.1", agent: false }, (response) => {
    response.resume();
    response.on("end", () => resolve(response.statusCode === 200));
    response.on("error", () => resolve(false));
  });
  request.setTimeout(START_TIMEOUT_MS, () => request.destroy(new Error("no answer in time")));
  request.on("error", () => resolve(false));
  return await promise;
}

/**
 * Ends every process of the session: by SIGTERM, and by SIGKILL what is left after the time
 * allowed.
 */
async function stop(leader: number): Promise<void> {
  signalAll([-leader], "SIGTERM");
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  let left = sessionUsage(leader).pids;
  while (left.length > 0 && performance.now() < deadline) {
    await pause(STOP_INTERVAL_MS);
    left = sessionUsage(leader).pids;
  }
  signalAll(left, "SIGKILL");
  running.delete(leader);
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
}
