/**
 * A load's report as a person reads it, and the line that is shown while it runs. Pure text: what
 * came from the server is escaped here.
 */
import { escapeAndCutForLog } from "../../base/escape.ts";
import type { LatencySummary } from "../../load/latency-histogram.ts";
import type { LoadReport } from "../../load/load-report.ts";
import type { LoadProgress } from "../../load/load-run.ts";
import { FAILURE_KINDS, type FailureKind } from "../../load/request-failure.ts";
import { duration } from "../commands/status-report.ts";
import type { ServerSide } from "./server-side.ts";

type Report = LoadReport<ServerSide>;

const LABEL_COLUMNS = 13;
const CELL_COLUMNS = 10;
const BAR_MAX_COLUMNS = 40;
const TEXT_MAX_CHARS = 200;
const MS_PER_SECOND = 1_000;
const US_PER_MS = 1_000;
const KIB = 1_024;
/** Above so much of a CPU a process has no time to spare, and measures itself. */
const CLIENT_BUSY_SHARE = 0.9;

/** @returns whole lines, the last one with its line end */
export function loadText(report: Report): string {
  const sections = [
    [`portico load ${shown(report.url)}`, `  ${what(report)}`],
    outcome(report),
    latency(report),
    distribution(report),
    bothSides(report),
    remarks(report),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** Without a line end; at most 100 columns. */
export function progressText(progress: LoadProgress, durationMs: number | null): string {
  const { elapsedMs, answered, failed, waiting, isEnding } = progress;
  const seconds = elapsedMs / MS_PER_SECOND;
  const rate = seconds > 0 ? Math.round(answered / seconds) : 0;
  const of = durationMs === null ? "" : ` of ${durationMs / MS_PER_SECOND} s`;
  const end = isEnding ? `waiting for ${waiting}` : `${waiting} under way`;
  return `${seconds.toFixed(0)} s${of}: ${answered} answered (${rate}/s), ${failed} failed, ${end}`;
}

function what(report: Report): string {
  const { connections, processes, ratePerSecond, keepAlive, seconds, interrupted } = report;
  const kept = keepAlive ? "" : ", each used once";
  const forks = processes === 1 ? "" : `, ${processes} processes`;
  const pace = ratePerSecond === null ? "as fast as it answers" : `${ratePerSecond} requests/s`;
  const cut = interrupted ? ", ended by hand" : "";
  const length = `${Number(seconds.toFixed(2))} s`;
  return `${count(connections, "connection")}${kept}${forks}, ${pace}, ${length}${cut}`;
}

function outcome(report: Report): string[] {
  const { requests, requestsPerSecond, statuses, bytes, seconds, connectionEvents } = report;
  const { opened, closedIdle, unsolicited } = connectionEvents;
  const perSecond = seconds > 0 ? ` (${size(bytes.received / seconds)}/s)` : "";
  const others = [
    ...(requests.cutOff > 0 ? [`${requests.cutOff} cut off at the end`] : []),
    ...(requests.notBegun > 0 ? [`${requests.notBegun} due and never sent`] : []),
  ];
  const fates = [`${requests.answered} answered`, `${requests.failed} failed`, ...others];
  const closed = closedIdle > 0 ? [`${closedIdle} closed by the server while idle`] : [];
  const strange = unsolicited > 0 ? [`${unsolicited} with bytes that answer nothing`] : [];
  return [
    row("requests/s", rounded(requestsPerSecond)),
    row("requests", fates.join(", ")),
    row("statuses", list(Object.entries(statuses).map(([status, n]) => `${status}: ${n}`))),
    ...failures(report),
    row("received", `${size(bytes.received)}${perSecond}, ${size(bytes.contents)} of it content`),
    row("connections", [`${opened} opened`, ...closed, ...strange].join(", ")),
  ];
}

function failures({ failures: counts, examples }: Report): string[] {
  const kinds = Object.entries(counts) as [FailureKind, number][];
  return kinds.map(([kind, number], index) => {
    const example = examples[kind];
    const words = example === undefined ? "" : ` (${shown(example)})`;
    return row(index === 0 ? "failures" : "", `${number}: ${FAILURE_KINDS[kind]}${words}`);
  });
}

function latency({ latency: times, serviceTime, ratePerSecond }: Report): string[] {
  if (times === null) return [];
  // Without a rate each request is sent when it is due, and the two are one.
  const columns = ratePerSecond === null || serviceTime === null ? [times] : [times, serviceTime];
  const titles = ["latency", "service"].slice(0, columns.length);
  const cells = (of: (one: LatencySummary) => number): string =>
    columns.map((one) => time(of(one)).padStart(CELL_COLUMNS)).join("");
  // One in a thousand means nothing among fewer.
  const percentiles = Object.keys(times.percentilesUs)
    .filter((it) => times.count * (100 - Number(it)) >= 100)
    .toSorted((one, other) => Number(one) - Number(other));
  return [
    `  ${"".padEnd(LABEL_COLUMNS)}${titles.map((it) => it.padStart(CELL_COLUMNS)).join("")}`,
    row(
      "mean",
      cells(({ meanUs }) => meanUs),
    ),
    row(
      "stdev",
      cells(({ stdevUs }) => stdevUs),
    ),
    row(
      "min",
      cells(({ minUs }) => minUs),
    ),
    ...percentiles.map((it) =>
      row(
        `${it} %`,
        cells(({ percentilesUs }) => percentilesUs[it] ?? 0),
      ),
    ),
    row(
      "max",
      cells(({ maxUs }) => maxUs),
    ),
  ];
}

function distribution({ bars }: Report): string[] {
  const most = Math.max(0, ...bars.map(({ count: n }) => n));
  const widest = String(most).length;
  return bars.map(({ untilUs, count: n }, index) => {
    const bar = "#".repeat(Math.ceil((n / most) * BAR_MAX_COLUMNS));
    const label = `${index === 0 ? "up to" : "     "} ${time(untilUs).padStart(8)}`;
    return `  ${label}  ${String(n).padStart(widest)}  ${bar}`.trimEnd();
  });
}

function bothSides({ client, processes, server, serverField }: Report): string[] {
  const used = (client.cpuUserMs + client.cpuSystemMs) / MS_PER_SECOND;
  const share = `${Math.round(client.cpuShare * 100)} % of a CPU${processes > 1 ? " each" : ""}`;
  const lines = [row("client", `${used.toFixed(2)} s of CPU time, ${share}`)];
  if (server !== null) lines.push(...serverLines(server));
  else if (serverField !== null) lines.push(row("server", shown(serverField)));
  return lines;
}

function serverLines(server: ServerSide): string[] {
  const { generation, workers, queueWait, gateways, cpuMs, answered, failed } = server;
  const { before, after } = generation;
  const code = before === after ? `generation ${after ?? "-"}` : `generation ${before} to ${after}`;
  const replaced = workers.replaced > 0 ? `, ${workers.replaced} of them new` : "";
  const { rssBytesBefore, rssBytesAfter } = workers;
  const memory =
    rssBytesBefore === null || rssBytesAfter === null
      ? ""
      : `, ${size(rssBytesBefore)} before, ${size(rssBytesAfter)} after`;
  const named = [
    [gateways > 1 ? `${gateways} gateways and their leader` : "gateway", cpuMs.gateway],
    ["workers", cpuMs.workers],
  ] as const;
  const cpu = named.flatMap(([name, ms]) =>
    ms === null ? [] : [`${name} ${(ms / MS_PER_SECOND).toFixed(2)} s`],
  );
  return [
    row("server", `portico ${shown(server.version)}, ${shown(server.application)}, ${code}`),
    row("", `${count(workers.after, "worker")}${replaced}${memory}`),
    ...(queueWait === null ? [] : [row("", queueText(queueWait))]),
    ...(answered === null ? [] : [row("", `${answered} answered by workers, ${failed} failed`)]),
    ...(cpu.length === 0 ? [] : [row("", `CPU time: ${cpu.join(", ")}`)]),
  ];
}

function queueText({ meanMs, p99Ms }: NonNullable<ServerSide["queueWait"]>): string {
  const mean = duration(meanMs);
  const most = duration(p99Ms);
  return `waiting for a worker: ${mean} on average, 99 % within ${most}, in the last minute`;
}

function remarks({ client, requests, seconds, ratePerSecond }: Report): string[] {
  const lines: string[] = [];
  if (client.lostProcesses > 0) {
    lines.push(`${count(client.lostProcesses, "process", "processes")} of the load ended early.`);
  }
  if (seconds >= 1 && client.cpuShare > CLIENT_BUSY_SHARE) {
    lines.push("The client itself was at its limit: more --forks, or another machine.");
  }
  if (ratePerSecond !== null && requests.notBegun > 0) {
    lines.push("The server did not keep up with the rate, or there were too few connections (-c).");
  }
  return lines.map((line) => `  ${line}`);
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(LABEL_COLUMNS)}${text}`;
}

/** Three digits: `912 us`, `4.21 ms`, `30.0 s`. ASCII, for terminals that know no other. */
export function time(us: number): string {
  if (us < US_PER_MS) return `${us} us`;
  const ms = us / US_PER_MS;
  if (ms < MS_PER_SECOND) return `${digits(ms)} ms`;
  return `${digits(ms / MS_PER_SECOND)} s`;
}

function digits(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function rounded(value: number): string {
  return value < 100 ? value.toFixed(1) : String(Math.round(value));
}

function size(bytes: number): string {
  if (bytes < KIB) return `${Math.round(bytes)} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / KIB;
  let unit = 0;
  for (; value >= KIB && unit < units.length - 1; unit++) value /= KIB;
  return `${digits(value)} ${units[unit]}`;
}

function list(parts: readonly string[]): string {
  return parts.length === 0 ? "none" : parts.join(", ");
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function shown(text: string): string {
  return escapeAndCutForLog(text, TEXT_MAX_CHARS);
}
