/**
 * A gateway's status as a person reads it. Pure: the status and the time are given. Everything in
 * it that is text has passed through other hands (a client's request line, an exception of the
 * application), and is escaped.
 */
import { escapeAndCutForLog } from "../../base/escape.ts";
import { detailLines } from "../../base/log.ts";
import type { GatewayPart, GatewayStatus } from "../../server/gateway-status.ts";
import type {
  GenerationStatus,
  QueueStatus,
  ReloadStatus,
  WorkerStatus,
} from "../../workers/supervisor-status.ts";

/** Of a request line, and of a reason. */
const REQUEST_MAX_CHARS = 72;
const WHY_MAX_CHARS = 400;
const COLUMNS = ["worker", "pid", "state", "age", "requests", "memory", "busy with"];
const KIB = 1024;

/** @returns whole lines, the last one with its line end */
export function statusReport(status: GatewayStatus, nowMs: number): string {
  const { min, max, target } = status.workers;
  const title =
    `portico ${shown(status.version)} serves ${shown(status.application)}: ` +
    `${shown(status.state)}, started ${duration(nowMs - status.startedAtMs)} ago`;
  const rows: [label: string, value: string][] = [
    ...status.addresses.map((address): [string, string] => ["listening", shown(address)]),
    ...gatewayRows(status),
    ["workers", min === max ? `${target}` : `${target}, of ${min} to ${max}`],
    ["queue", queue(status.queue)],
    ["last reload", lastReload(status.lastReload, nowMs)],
  ];
  const lines = [title, ...rows.map(([label, value]) => `  ${label.padEnd(12)} ${value}`)];
  const details = status.lastReload?.details ?? null;
  if (details !== null) lines.push(...detailLines(details));
  for (const generation of status.generations) lines.push("", ...generationLines(generation));
  return `${lines.join("\n")}\n`;
}

function gatewayRows({ pid, connections, gateways }: GatewayStatus): [string, string][] {
  const together = `PID ${pid}, ${count(connections, "connection")}`;
  if (gateways === undefined) return [["gateway", together]];
  return [
    ["gateways", `${gateways.length}, led by ${together}`],
    ...gateways.map((part): [string, string] => [`gateway ${part.index}`, describePart(part)]),
  ];
}

function describePart({ pid, state, connections, workers, waiting }: GatewayPart): string {
  if (state === null) return `PID ${pid}, does not answer`;
  const facts = [
    shown(state),
    count(connections ?? 0, "connection"),
    count(workers ?? 0, "worker"),
    `${waiting ?? 0} waiting`,
  ];
  return `PID ${pid}, ${facts.join(", ")}`;
}

function queue({ waiting, oldestMs, wait }: QueueStatus): string {
  const now = waiting === 0 ? "empty" : `${waiting} waiting, the first for ${duration(oldestMs)}`;
  if (wait.count === 0) return now;
  return (
    `${now}; in the last minute ${duration(wait.meanMs)} on average, ` +
    `99 % within ${duration(wait.p99Ms)}`
  );
}

function lastReload(reload: ReloadStatus | null, nowMs: number): string {
  if (reload === null) return "none";
  const { generation, outcome, why, atMs } = reload;
  const became = {
    serving: `generation ${generation} serves`,
    failed: `generation ${generation} failed`,
    "rolled-back": `generation ${generation} failed while it served, and was taken back`,
  }[outcome];
  const reason = why === null ? "" : `: ${escapeAndCutForLog(why, WHY_MAX_CHARS)}`;
  return `${duration(nowMs - atMs)} ago, ${became}${reason}`;
}

function generationLines(generation: GenerationStatus): string[] {
  const { number, state, gatewayPid, zygotePid, workers, answered, failed, crashes } = generation;
  const facts = [
    ...(gatewayPid === undefined ? [] : [`gateway PID ${gatewayPid}`]),
    ...(zygotePid === null ? [] : [`zygote PID ${zygotePid}`]),
    `${answered} answered`,
    `${failed} failed`,
    count(crashes, "crash", "crashes"),
  ];
  const title = `generation ${number}, ${shown(state)}: ${facts.join(", ")}`;
  if (workers.length === 0) return [title];
  return [title, ...table([COLUMNS, ...workers.flatMap(workerRows)])];
}

/** A row, and one more for each further request that the worker has. */
function workerRows(worker: WorkerStatus): string[][] {
  const { number, pid, state, ageMs, requests, rssBytes, busy } = worker;
  const [first = "-", ...others] = busy.map(
    ({ request, ageMs: sinceMs }) =>
      `${escapeAndCutForLog(request, REQUEST_MAX_CHARS)} (${duration(sinceMs)})`,
  );
  const row = [
    String(number),
    pid === null ? "-" : String(pid),
    shown(state),
    duration(ageMs),
    String(requests),
    rssBytes === null ? "-" : size(rssBytes),
    first,
  ];
  return [row, ...others.map((text) => ["", "", "", "", "", "", text])];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd(),
  );
}

/** `12 ms`, `4.2 s`, `3 min`, `2 h 5 min`, `3 d 4 h` */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? `${hours} h ${minutes % 60} min`
    : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function size(bytes: number): string {
  const mebibytes = bytes / KIB / KIB;
  return mebibytes < KIB ? `${mebibytes.toFixed(1)} MiB` : `${(mebibytes / KIB).toFixed(2)} GiB`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function shown(text: string): string {
  return escapeAndCutForLog(text, WHY_MAX_CHARS);
}
