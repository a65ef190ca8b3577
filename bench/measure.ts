/**
 * One measurement of one entrant, whose server runs and is warm.
 *
 * The figure to compare is the CPU time of a request, over all processes of the server: on a
 * machine that does other things too it moves less than the rate does, and it counts work that
 * was pushed to another process.
 */
import { execFile } from "node:child_process";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { ArrivalsReport } from "./arrivals-client.ts";
import type { Entrant } from "./entrants.ts";
import { openableConnections, openConnections, residentBytes } from "./idle-connections.ts";
import { Inspector, inspectorUrl } from "./inspector.ts";
import { busyPercent, cpuTicks } from "./machine.ts";
import type { Figures } from "./metrics.ts";
import { fieldsOf, headOf } from "./request-heads.ts";
import type { RunningServer } from "./running-server.ts";
import { PeakMemory, proportionalSetMib, sessionUsage } from "./session-usage.ts";
import type { ArrivalsLoad, Load, WrkLoad } from "./work.ts";
import { load as loadByWrk, type LoadReport, warmUp } from "./wrk.ts";

export interface Measurement {
  readonly entrant: string;
  readonly server: string;
  readonly round: number;
  readonly figures: Figures;
  readonly processes: number;
  readonly errors: string | null;
}

const MIB = 2 ** 20;
const IDLE_REQUEST = headOf(fieldsOf(4), "");
/** For requests that are still on their way when a load is over. */
const LOAD_SETTLE_MS = 100;
/**
 * For what opening connections, or collecting garbage, leaves to be done; and until a connection
 * counts as idle (`src/server/connection.ts`).
 */
const IDLE_SETTLE_MS = 1_500;
const ARRIVALS_CLIENT = path.join(import.meta.dirname, "arrivals-client.ts");

const run = promisify(execFile);

type Taken = Pick<Measurement, "figures" | "errors">;

/** @throws {Error} when the server does not answer any more */
export async function measure(
  server: RunningServer,
  load: Load,
  entrant: Entrant,
  round: number,
): Promise<Measurement> {
  const taken = await take(server, load, entrant, round);
  const { pids } = sessionUsage(server.leader);
  const { figures, errors } = taken;
  return {
    entrant: entrant.name,
    server: entrant.server,
    round,
    figures: { ...figures, pssMib: proportionalSetMib(pids) },
    processes: pids.length,
    errors,
  };
}

async function take(
  server: RunningServer,
  load: Load,
  entrant: Entrant,
  round: number,
): Promise<Taken> {
  switch (load.kind) {
    case "wrk":
      return await underWrk(server, load, entrant);
    case "arrivals":
      return await underArrivals(server, load, round);
    case "start":
      return { figures: { startMs: server.startMs }, errors: null };
    default:
      return load satisfies never;
  }
}

async function underWrk(server: RunningServer, load: WrkLoad, entrant: Entrant): Promise<Taken> {
  const { port, leader } = server;
  const idle = await openIdle(server, entrant);
  // A garbage collection takes compiled code with it.
  if (entrant.isInspected) await warmUp({ ...load, port });
  await pause(LOAD_SETTLE_MS);
  const peak = load.bytesIn === null ? null : new PeakMemory(leader);
  try {
    const machineBefore = cpuTicks();
    const before = sessionUsage(leader);
    const report = await loadByWrk({ ...load, port });
    const cpuSeconds = sessionUsage(leader).cpuSeconds - before.cpuSeconds;
    const machineBusyPercent = busyPercent(machineBefore, cpuTicks());
    const figures = {
      ...requestFigures(report, cpuSeconds, entrant.setup.workers),
      ...byteFigures(report, cpuSeconds, load),
      ...(peak === null ? {} : { peakPssMib: peak.peakMib() }),
      ...idle.figures,
      machineBusyPercent,
    };
    return { figures, errors: report.errors };
  } finally {
    peak?.[Symbol.dispose]();
    idle.close();
  }
}

function requestFigures(report: LoadReport, cpuSeconds: number, workers: number): Figures {
  const requests = Math.max(report.requests, 1);
  return {
    cpuUsPerRequest: (1e6 * cpuSeconds) / requests,
    requestsPerSecond: report.requestsPerSecond,
    requestsPerSecondPerWorker: report.requestsPerSecond / workers,
    requestsPerCpuSecond: report.requests / cpuSeconds,
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
  };
}

/** Answers that were not complete at the end count as far as they came; contents sent do not. */
function byteFigures(
  report: LoadReport,
  cpuSeconds: number,
  { bytesIn, bodyBytes, seconds }: WrkLoad,
): Figures {
  if (bytesIn === null) return {};
  const bytes = bytesIn === "responses" ? report.readBytes : report.requests * (bodyBytes ?? 0);
  const mib = bytes / MIB;
  return { cpuMsPerMib: (1000 * cpuSeconds) / mib, mibPerSecond: mib / seconds };
}

/**
 * Opens the connections that an entrant has beside the load, each with one request answered. One
 * that has none is treated alike, so that the two can be compared.
 */
async function openIdle(
  server: RunningServer,
  { isInspected, idleConnections }: Entrant,
): Promise<{ figures: Figures; close(): void }> {
  if (!isInspected) return { figures: {}, close: () => undefined };
  const count = openableConnections(idleConnections);
  const before = await bytesInUse(server);
  const sockets = await openConnections(server.port, count, IDLE_REQUEST);
  const grown = (await bytesInUse(server)) - before;
  return {
    figures: count === 0 ? {} : { gatewayBytesPerConnection: grown / count },
    close: () => {
      // Reset, so that none waits for its port to be free again (TIME-WAIT).
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}

/** Resident memory of the gateway, without what its next garbage collection would give back. */
async function bytesInUse({ leader, startOutput }: RunningServer): Promise<number> {
  const url = inspectorUrl(startOutput);
  if (url === null) throw new Error("the gateway does not say where it can be inspected");
  using inspector = await Inspector.connect(url);
  await pause(IDLE_SETTLE_MS);
  await inspector.collectGarbage();
  await pause(IDLE_SETTLE_MS);
  return residentBytes(leader);
}

async function underArrivals(
  { port }: RunningServer,
  load: ArrivalsLoad,
  round: number,
): Promise<Taken> {
  const order = JSON.stringify({ ...load, port, seed: round });
  const { stdout } = await run(process.execPath, [ARRIVALS_CLIENT, order]);
  const report = JSON.parse(stdout) as ArrivalsReport;
  return {
    figures: { p50Ms: report.quickP50Ms, p99Ms: report.quickP99Ms },
    errors:
      report.failed === 0 ? null : `${report.failed} of ${report.requests} requests without a 200`,
  };
}
