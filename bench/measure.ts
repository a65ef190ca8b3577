/**
 * One measurement of one server: it is started in a session of its own, warmed, loaded, and
 * stopped.
 *
 * The figure to compare is the CPU time of a request, over all processes of the server: on a
 * machine that does other things too it moves less than the rate does, and it counts work that
 * was pushed to another process.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { APPLICATIONS_FOLDER, type BenchServer } from "./servers.ts";
import { proportionalSetMib, sessionUsage } from "./session-usage.ts";
import { load } from "./wrk.ts";

export interface Load {
  readonly module: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface Measurement {
  readonly server: string;
  readonly cpuMicrosecondsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** After the load, of all processes together. */
  readonly proportionalSetMib: number;
  readonly processes: number;
  readonly errors: string | null;
}

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;
const POLL_INTERVAL_MS = 50;
const WARM_UP_SECONDS = 1;
const OUTPUT_KEPT_MAX_CHARS = 4_000;

/** @throws {Error} when the server does not start to answer; nothing of it is left then */
export async function measure(
  server: BenchServer,
  { module, connections, seconds }: Load,
): Promise<Measurement> {
  const port = await freePort();
  const [program, ...args] = server.command(module, port);
  const child = spawn(program, args, {
    cwd: APPLICATIONS_FOLDER,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (child.pid === undefined) throw new Error(`${server.name}: ${program} could not be started`);
  const leader = child.pid;
  try {
    await untilAnswers(server.name, port, child);
    await load(port, connections, WARM_UP_SECONDS);
    const before = sessionUsage(leader);
    const report = await load(port, connections, seconds);
    const after = sessionUsage(leader);
    const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
    return {
      server: server.name,
      cpuMicrosecondsPerRequest: (1e6 * cpuSeconds) / Math.max(report.requests, 1),
      requestsPerSecond: report.requestsPerSecond,
      p50Ms: report.p50Ms,
      p99Ms: report.p99Ms,
      proportionalSetMib: proportionalSetMib(after.pids),
      processes: after.pids.length,
      errors: report.errors,
    };
  } finally {
    await stop(leader);
  }
}

async function untilAnswers(name: string, port: number, child: ChildProcess): Promise<void> {
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
    await pause(POLL_INTERVAL_MS);
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: "close" } })).ok;
  } catch {
    return false;
  }
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
    await pause(POLL_INTERVAL_MS);
    left = sessionUsage(leader).pids;
  }
  signalAll(left, "SIGKILL");
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

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
