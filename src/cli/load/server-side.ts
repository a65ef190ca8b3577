/**
 * The server's side of a load, where the server is a portico of this machine and this user: asked
 * over its control socket, before and after. What cannot be known is left out.
 */
import os from "node:os";
import { processFacts } from "../../os/process-facts.ts";
import { formatAddress, type SocketAddress } from "../../os/socket-address.ts";
import { searchedFolders, socketsIn, type Viewer } from "../../server/control/control-place.ts";
import type { GatewayStatus } from "../../server/gateway-status.ts";
import { askOnce } from "../commands/control-client.ts";
import { socketNamedBy } from "../commands/gateway-search.ts";

/** A portico at one moment. */
export interface ServerMoment {
  readonly path: string;
  readonly status: GatewayStatus;
  /** User and system time used so far by each of its processes, in ms; by PID. */
  readonly cpuMs: ReadonlyMap<number, number>;
}

/** What the server says of the time between two moments; null for what it does not. */
export interface ServerSide {
  readonly application: string;
  readonly version: string;
  readonly pid: number;
  readonly generation: { readonly before: number | null; readonly after: number | null };
  readonly workers: {
    readonly before: number;
    readonly after: number;
    /** Of those at the end, how many were not there at the begin. */
    readonly replaced: number;
    readonly rssBytesBefore: number | null;
    readonly rssBytesAfter: number | null;
  };
  /** Requests that the workers brought to their end, and those that failed; null after a reload. */
  readonly answered: number | null;
  readonly failed: number | null;
  /** The wait for a worker, of the last minute; null where no request got to one. */
  readonly queueWait: { readonly meanMs: number; readonly p99Ms: number } | null;
  /** How many there are: `--gateways`. */
  readonly gateways: number;
  /**
   * Of processes that were there at both moments; null where one was replaced. `gateway` is all
   * gateways, and the process that leads them.
   */
  readonly cpuMs: { readonly gateway: number | null; readonly workers: number | null };
}

/** What each portico gets to answer. */
const ANSWER_TIMEOUT_MS = 2_000;
/** Sockets that are looked at. */
const SOCKETS_MAX = 32;
const WILDCARDS: readonly string[] = ["0.0.0.0", "[::]"];

/** The portico that listens at an address; null where there is none that can be asked. */
export async function findServer(
  address: SocketAddress,
  viewer: Viewer,
): Promise<ServerMoment | null> {
  if (!isOfThisMachine(address)) return null;
  const named = socketNamedBy(viewer);
  const folders = [...(named === null ? [] : [named]), ...searchedFolders(viewer)];
  const found = folders.flatMap((folder) => socketsIn(folder)).map((socket) => socket.path);
  // What is named may be a folder, or the socket itself.
  const paths = [...(named === null ? [] : [named]), ...found].slice(0, SOCKETS_MAX);
  const moments = await Promise.all(paths.map(look));
  return moments.find((moment) => moment !== null && listensAt(moment.status, address)) ?? null;
}

/** The same portico again; null where it does not answer any more. */
export async function lookAgain({ path, status }: ServerMoment): Promise<ServerMoment | null> {
  const moment = await look(path);
  return moment?.status.pid === status.pid ? moment : null;
}

export function serverSide(before: ServerMoment, after: ServerMoment): ServerSide {
  const { status } = after;
  const workersBefore = workersOf(before.status);
  const workersAfter = workersOf(status);
  const known = new Set(workersBefore.map(({ pid }) => pid));
  const replaced = workersAfter.filter(({ pid }) => !known.has(pid));
  const isSameCode = servingOf(before.status) === servingOf(status);
  const answered = isSameCode ? total(status, "answered") - total(before.status, "answered") : null;
  const { count, meanMs, p99Ms } = status.queue.wait;
  const workerPids = workersAfter.flatMap(({ pid }) => (pid === null ? [] : [pid]));
  const gatewayPids = gatewayPidsOf(status);
  const gatewayPidsBefore = new Set(gatewayPidsOf(before.status));
  const areSameGateways = gatewayPids.every((pid) => gatewayPidsBefore.has(pid));
  return {
    application: status.application,
    version: status.version,
    pid: status.pid,
    generation: { before: servingOf(before.status), after: servingOf(status) },
    workers: {
      before: workersBefore.length,
      after: workersAfter.length,
      replaced: replaced.length,
      rssBytesBefore: rssOf(workersBefore),
      rssBytesAfter: rssOf(workersAfter),
    },
    answered,
    failed: isSameCode ? total(status, "failed") - total(before.status, "failed") : null,
    queueWait: count === 0 || answered === 0 ? null : { meanMs, p99Ms },
    gateways: status.gateways?.length ?? 1,
    cpuMs: {
      gateway: areSameGateways ? cpuBetween(before, after, gatewayPids) : null,
      workers: replaced.length > 0 ? null : cpuBetween(before, after, workerPids),
    },
  };
}

async function look(path: string): Promise<ServerMoment | null> {
  const request = { command: "status", arguments: {} };
  const end = await askOnce(path, request, ANSWER_TIMEOUT_MS);
  if (end.kind !== "answered" || end.answer.kind !== "done") return null;
  const status = end.answer.result as GatewayStatus;
  const pids = [...gatewayPidsOf(status), ...workersOf(status).map(({ pid }) => pid)];
  const cpuMs = pids.flatMap((pid) => {
    const used = pid === null ? undefined : processFacts(pid)?.cpuMs;
    return pid === null || used === undefined ? [] : [[pid, used] as const];
  });
  return { path, status, cpuMs: new Map(cpuMs) };
}

function isOfThisMachine(address: SocketAddress): boolean {
  if (address.family === "unix") return true;
  const own = Object.values(os.networkInterfaces()).flat();
  const { host } = address;
  return /^127\.|^::1$|^0\.0\.0\.0$|^::$/.test(host) || own.some((it) => it?.address === host);
}

function listensAt({ addresses }: GatewayStatus, address: SocketAddress): boolean {
  const text = formatAddress(address);
  if (address.family === "unix") return addresses.includes(text);
  const wanted = [text, ...WILDCARDS.map((host) => `${host}:${address.port}`)];
  return addresses.some((it) => wanted.includes(it.replace(/^https?:\/\//, "")));
}

/** Of several, that of the process which leads them comes first; it takes no requests itself. */
function gatewayPidsOf({ pid, gateways = [] }: GatewayStatus): number[] {
  return [...new Set([pid, ...gateways.map((gateway) => gateway.pid)])];
}

function workersOf(status: GatewayStatus): GatewayStatus["generations"][number]["workers"] {
  return status.generations.flatMap(({ workers }) => workers);
}

function servingOf({ generations }: GatewayStatus): number | null {
  return generations.findLast(({ state }) => state === "serving")?.number ?? null;
}

function total({ generations }: GatewayStatus, what: "answered" | "failed"): number {
  return generations.reduce((sum, generation) => sum + generation[what], 0);
}

function rssOf(workers: ReturnType<typeof workersOf>): number | null {
  const sizes = workers.flatMap(({ rssBytes }) => (rssBytes === null ? [] : [rssBytes]));
  return sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size, 0);
}

function cpuBetween(
  before: ServerMoment,
  after: ServerMoment,
  pids: readonly number[],
): number | null {
  const differences = pids.flatMap((pid) => {
    const used = after.cpuMs.get(pid);
    const usedBefore = before.cpuMs.get(pid);
    return used === undefined || usedBefore === undefined ? [] : [used - usedBefore];
  });
  if (differences.length === 0) return null;
  return differences.reduce((sum, difference) => sum + difference, 0);
}
