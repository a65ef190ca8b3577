/**
 * What `portico top` shows, as lines: a function of what is known and of the terminal's size, and
 * of nothing else.
 */
import type {
  ConnectionSnapshot,
  ListenerSnapshot,
  Snapshot,
  TrafficPoint,
} from "../../server/observation/snapshot.ts";
import { type Line, paint, type ScreenStyle, type Span, span } from "./top-line.ts";
import { processRows } from "./top-process-rows.ts";
import { briefCount, briefDuration, briefSize, latency, shown, sparkline } from "./top-text.ts";

export interface ScreenSize {
  readonly columns: number;
  /** Infinity for as many as there is something to say in. */
  readonly rows: number;
}

export interface TopView {
  readonly snapshot: Snapshot;
  /** Seconds of the last minute, the oldest first. */
  readonly history: readonly TrafficPoint[];
  readonly selectedPid: number | null;
  /** What the last line says in place of the keys; null for these. */
  readonly notice: string | null;
  /** Shown in place of everything below the figures; null where it is not. */
  readonly stack: StackView | null;
}

export interface StackView {
  readonly pid: number;
  readonly lines: readonly string[];
  /** How many of them are above the screen. */
  readonly above: number;
}

/** Seconds in the sparkline. */
export const SPARKLINE_SECONDS = 60;
const LISTENERS_MAX = 3;
/** Rows below the figures, in parts of all: who has less to say leaves the rest to the others. */
const SHARES = [8, 4, 2, 2];

interface Section {
  readonly heading: Line;
  readonly rows: readonly Line[];
  /** The row that has to be in sight. */
  readonly kept: number;
}

/** @returns as many lines as there are rows, or fewer; none is wider than the screen */
export function renderTop(view: TopView, size: ScreenSize, style: ScreenStyle): string[] {
  const head = headLines(view, size, style);
  const footer = Number.isFinite(size.rows) ? [footerLine(view)] : [];
  const room = Math.max(0, size.rows - head.length - footer.length);
  const body = view.stack === null ? sections(view, room, style) : stackLines(view.stack, room);
  const kept = [...head, ...body].slice(0, Math.max(0, size.rows - footer.length));
  const empty = Number.isFinite(size.rows) ? size.rows - footer.length - kept.length : 0;
  const blank = Array.from({ length: Math.max(0, empty) }, (): Line => []);
  return [...kept, ...blank, ...footer].map((line) => paint(line, size.columns, style));
}

function headLines({ snapshot, history }: TopView, size: ScreenSize, style: ScreenStyle): Line[] {
  const { status, latest, descriptors, connections, processes, atMs } = snapshot;
  const zombies = processes.filter(({ systemState }) => systemState === "Z").length;
  const phases = Object.entries(connections.byPhase).map(
    ([phase, count]) => `${count} ${shown(phase)}`,
  );
  const errors = latest?.serverErrors ?? 0;
  return [
    [
      span(`portico ${shown(status.version)}  ${shown(status.application)}`, "strong"),
      span(`  ${shown(status.state)}`, status.state === "serving" ? "good" : "warning"),
      span(`  up ${briefDuration(atMs - status.startedAtMs)}`),
      ...gatewaySpans(status),
    ],
    [
      span(`req/s ${briefCount(latest?.requests ?? 0)}`, "strong"),
      span(`  5xx/s ${errors}`, errors > 0 ? "bad" : "plain"),
      span(`  waiting ${status.queue.waiting}`, status.queue.waiting > 0 ? "warning" : "plain"),
      span(`  p50 ${latency(latest?.p50Us ?? null)}  p90 ${latency(latest?.p90Us ?? null)}`),
      span(`  p99 ${latency(latest?.p99Us ?? null)}  queue p99 ${queueLatency(latest)}`),
    ],
    sparkLine(history, size, style),
    ...listenerLines(snapshot.listeners, Number.isFinite(size.rows)),
    [
      span(`descriptors ${descriptors.used ?? "-"} of ${descriptors.limit ?? "any number"}`),
      span(ofGateway(descriptors.gateway)),
      span(`  zombies ${zombies === 0 ? "none" : zombies}`, zombies === 0 ? "plain" : "bad"),
      span(`  connections ${connections.open}${phases.length === 0 ? "" : ": "}`),
      span(phases.join(", ")),
    ],
    [],
  ];
}

/** How many there are, where there are several, and which of them are left out. */
function gatewaySpans({ gateways = [] }: Snapshot["status"]): Span[] {
  if (gateways.length === 0) return [];
  const silent = gateways.flatMap(({ index, state }) => (state === null ? [index] : []));
  const count = span(`  gateways ${gateways.length}`);
  if (silent.length === 0) return [count];
  return [count, span(`  gateway ${silent.join(", ")} does not answer, and is left out`, "bad")];
}

function ofGateway(gateway: number | undefined): string {
  return gateway === undefined ? "" : ` (gateway ${gateway})`;
}

function queueLatency(latest: TrafficPoint | null): string {
  return latency(latest?.queueP99Us ?? null);
}

function sparkLine(
  history: readonly TrafficPoint[],
  { columns }: ScreenSize,
  style: ScreenStyle,
): Line {
  const label = "last minute ";
  const points = history.slice(-Math.min(SPARKLINE_SECONDS, Math.max(0, columns - 24)));
  const requests = points.map((point) => point.requests);
  return [
    span(label, "faint"),
    span(sparkline(requests, style), "good"),
    span(` up to ${briefCount(Math.max(0, ...requests))}/s`, "faint"),
  ];
}

/** @param isCut of those of several gateways only the fullest are shown */
function listenerLines(all: readonly ListenerSnapshot[], isCut: boolean): Line[] {
  const areOfSeveral = all.some(({ gateway }) => gateway !== undefined);
  const listeners = areOfSeveral && isCut ? all.toSorted(byQueue) : all;
  const shownMax = areOfSeveral && !isCut ? Infinity : LISTENERS_MAX;
  const lines = listeners.slice(0, shownMax).map((listener): Line => {
    const { address, descriptor, queued, effectiveBacklog, backlog, gateway } = listener;
    const by = descriptor === null ? "" : ` (descriptor ${descriptor})`;
    const bound = effectiveBacklog === backlog ? "" : `, ${backlog} asked for`;
    const tone = queued !== null && queued > effectiveBacklog / 2 ? "bad" : "plain";
    return [
      span(`listening ${shown(address)}${by}${ofGateway(gateway)}  `),
      span(`to accept ${queued ?? "-"} of ${effectiveBacklog}${bound}`, tone),
    ];
  });
  const more = listeners.length - lines.length;
  return more <= 0 ? lines : [...lines, [span(`and ${more} more`, "faint")]];
}

function byQueue(one: ListenerSnapshot, other: ListenerSnapshot): number {
  return (other.queued ?? 0) - (one.queued ?? 0);
}

function sections(view: TopView, room: number, style: ScreenStyle): Line[] {
  const { snapshot, selectedPid } = view;
  const { heading, rows } = processRows(snapshot.processes, selectedPid, style);
  const all: readonly Section[] = [
    {
      heading,
      rows: rows.map(({ line }) => line),
      kept: Math.max(
        0,
        rows.findIndex(({ pid }) => pid === selectedPid),
      ),
    },
    connectionSection(snapshot.connections.shown),
    errorSection(snapshot),
    markSection(snapshot),
  ];
  const present = all.map((section) => (section.rows.length > 0 ? section : null));
  const wanted = present.map((section) => (section === null ? 0 : section.rows.length + 1));
  const given = shareOut(wanted, room);
  const isCut = Number.isFinite(room);
  return present.flatMap((section, index) => {
    if (section === null) return [];
    const lines = fitted(section, given[index] ?? 0);
    return isCut || index === 0 ? lines : [[], ...lines];
  });
}

/** Everybody gets a share at least, as far as it is wanted; what is over goes to those in front. */
export function shareOut(wanted: readonly number[], room: number): number[] {
  if (!Number.isFinite(room)) return [...wanted];
  const parts = SHARES.reduce((sum, share) => sum + share, 0);
  const given = wanted.map((rows, index) =>
    Math.min(rows, Math.floor((room * (SHARES[index] ?? 0)) / parts)),
  );
  let left = room - given.reduce((sum, rows) => sum + rows, 0);
  for (let index = 0; index < given.length; index++) {
    const more = Math.min(left, (wanted[index] ?? 0) - (given[index] ?? 0));
    given[index] = (given[index] ?? 0) + more;
    left -= more;
  }
  return given;
}

/** The heading and the rows around the one that has to be in sight. */
function fitted({ heading, rows, kept }: Section, given: number): Line[] {
  if (given < 2) return [];
  const room = given - 1;
  if (rows.length <= room) return [heading, ...rows];
  const first = Math.min(Math.max(0, kept - Math.floor(room / 2)), rows.length - room);
  const hidden = span(`  (${rows.length - room} more)`, "faint");
  return [[...heading, hidden], ...rows.slice(first, first + room)];
}

function connectionSection(shownConnections: readonly ConnectionSnapshot[]): Section {
  const areOfSeveral = shownConnections.some(({ gateway }) => gateway !== undefined);
  const cells = shownConnections.map((connection) => [
    `${shown(connection.remote)} > ${shown(connection.local)}`,
    ...(areOfSeveral ? [String(connection.gateway ?? "-")] : []),
    connection.descriptor === null ? "-" : String(connection.descriptor),
    shown(connection.phase),
    briefDuration(connection.ageMs),
    briefCount(connection.requests),
    briefSize(connection.receivedBytes),
    briefSize(connection.sentBytes),
    briefSize(connection.unsentBytes),
    shown(connection.request ?? ""),
  ]);
  const by = areOfSeveral ? ["GATEWAY"] : [];
  const titles = [
    "CONNECTION",
    ...by,
    "FD",
    "PHASE",
    "AGE",
    "REQ",
    "IN",
    "OUT",
    "UNSENT",
    "REQUEST",
  ];
  const [heading = "", ...rows] = table([titles, ...cells]);
  return {
    heading: [span(heading, "strong")],
    rows: rows.map((text) => [span(text)]),
    kept: 0,
  };
}

function errorSection({ errors, atMs }: Snapshot): Section {
  const cells = errors.map(({ atMs: at, status, request, workerPid, durationUs, requestId }) => [
    briefDuration(atMs - at),
    String(status),
    latency(durationUs),
    workerPid === null ? "-" : String(workerPid),
    shown(request === "" ? "no request" : request),
    requestId === null ? "" : shown(requestId),
  ]);
  const titles = ["AGO", "ERROR", "TOOK", "WORKER", "REQUEST", "ID"];
  const [heading = "", ...rows] = table([titles, ...cells]);
  return {
    heading: [span(heading, "strong")],
    rows: rows.map((text) => [span(text, "bad")]),
    kept: 0,
  };
}

function markSection({ marks, atMs }: Snapshot): Section {
  const cells = marks
    .toReversed()
    .map(({ atMs: at, kind, text }) => [briefDuration(atMs - at), shown(kind), shown(text)]);
  const [heading = "", ...rows] = table([["AGO", "EVENT", "WHAT"], ...cells]);
  return {
    heading: [span(heading, "strong")],
    rows: rows.map((text) => [span(text)]),
    kept: 0,
  };
}

function table(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    ` ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" ")}`.trimEnd(),
  );
}

function stackLines({ pid, lines, above }: StackView, room: number): Line[] {
  const shownLines = lines.slice(above, above + Math.max(0, room - 1));
  const left = lines.length - above - shownLines.length;
  const more = left > 0 ? `  (${left} lines below)` : "";
  const heading = [span(`Python's stack of worker PID ${pid}${more}`, "strong")];
  return [heading, ...shownLines.map((line) => [span(` ${line}`)])];
}

function footerLine({ notice, stack, selectedPid }: TopView): Line {
  if (notice !== null) return [span(notice, "bad")];
  if (stack !== null) return [span("q quit  s back  arrows scroll", "faint")];
  const ofWhom = selectedPid === null ? "" : `  s stack of ${selectedPid}  arrows choose`;
  return [span(`q quit${ofWhom}`, "faint")];
}
