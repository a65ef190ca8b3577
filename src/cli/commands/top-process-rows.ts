/**
 * The processes of a server as rows of a tree: who is whose child, what each uses, what each does.
 * Pure.
 */
import type { ProcessSnapshot } from "../../server/observation/snapshot.ts";
import { inOneTone, type Line, type ScreenStyle, span, type Tone } from "./top-line.ts";
import { briefCount, briefDuration, briefSize, shown } from "./top-text.ts";

/** A request that takes so long is worth a look. */
const SLOW_MS = 1_000;
/** Of one gateway of several. */
const SILENT = "silent";
const TITLES = ["PID", "PPID", "PROCESS", "S", "CPU", "MEM", "AGE", "REQ", "DOES"];
/** Columns of figures; the others are text, and begin at the left. */
const RIGHT = new Set([0, 1, 4, 5, 6, 7]);

export interface ProcessRow {
  readonly pid: number;
  readonly line: Line;
}

export interface ProcessRows {
  readonly heading: Line;
  readonly rows: readonly ProcessRow[];
}

/** Workers in the order in which they are shown. */
export function workersOf(processes: readonly ProcessSnapshot[]): ProcessSnapshot[] {
  return inTree(processes).flatMap(({ found }) => (found.kind === "worker" ? [found] : []));
}

export function processRows(
  processes: readonly ProcessSnapshot[],
  selectedPid: number | null,
  style: ScreenStyle,
): ProcessRows {
  const tree = inTree(processes);
  const cells = tree.map(({ found, depth }) => cellsOf(found, depth, style));
  const all = [TITLES, ...cells];
  const widths = TITLES.map((_, column) =>
    Math.max(...all.map((row) => (column === TITLES.length - 1 ? 0 : (row[column] ?? "").length))),
  );
  const rows = tree.map(({ found }, index): ProcessRow => {
    const isChosen = found.pid === selectedPid;
    const text = `${isChosen ? ">" : " "}${aligned(cells[index] ?? [], widths)}`;
    const line = [span(text, toneOf(found))];
    return { pid: found.pid, line: isChosen ? inOneTone(line, "chosen") : line };
  });
  return { heading: [span(` ${aligned(TITLES, widths)}`, "strong")], rows };
}

interface InTree {
  readonly found: ProcessSnapshot;
  readonly depth: number;
}

/** Depth first. Whose parent is not among them, is at the root. */
function inTree(processes: readonly ProcessSnapshot[]): InTree[] {
  const pids = new Set(processes.map(({ pid }) => pid));
  const children = Map.groupBy(processes, ({ pid, ppid, kind }) =>
    ppid !== null && ppid !== pid && pids.has(ppid) ? ppid : assumedParent(kind, processes),
  );
  const rows: InTree[] = [];
  const add = (parent: number | null, depth: number): void => {
    const own = children.get(parent) ?? [];
    // A circle cannot come of processes; it could of figures that were read one after the other.
    children.delete(parent);
    for (const found of own) {
      rows.push({ found, depth });
      add(found.pid, depth + 1);
    }
  };
  add(null, 0);
  return rows;
}

/** Where the system does not tell: a worker is its zygote's, a zygote the gateway's. */
function assumedParent(
  kind: ProcessSnapshot["kind"],
  processes: readonly ProcessSnapshot[],
): number | null {
  const of = (parent: ProcessSnapshot["kind"]): number | null =>
    processes.find((one) => one.kind === parent && one.ppid === null)?.pid ?? null;
  if (kind === "zygote") return of("gateway");
  return kind === "worker" ? of("zygote") : null;
}

function cellsOf(found: ProcessSnapshot, depth: number, { unicode }: ScreenStyle): string[] {
  const { pid, ppid, systemState, cpuShare, rssBytes, ageMs, requests } = found;
  const branch = depth === 0 ? "" : `${"  ".repeat(depth - 1)}${unicode ? "└ " : "\\ "}`;
  return [
    String(pid),
    ppid === null ? "-" : String(ppid),
    `${branch}${labelOf(found)}`,
    shown(systemState ?? "-"),
    cpuShare === null ? "-" : `${Math.round(cpuShare * 100)}%`,
    rssBytes === null ? "-" : briefSize(rssBytes),
    ageMs === null ? "-" : briefDuration(ageMs),
    requests === null ? "-" : briefCount(requests),
    doing(found),
  ];
}

function labelOf({ kind, number, generation, name }: ProcessSnapshot): string {
  switch (kind) {
    case "leader":
    case "guardian":
      return kind;
    case "gateway":
      // Of several each has a number.
      return number === null ? kind : `gateway ${number}`;
    case "zygote":
      return `zygote ${generation ?? ""}`;
    case "worker":
      return `worker ${number ?? ""}`;
    case "other":
      return shown(name ?? "other");
    default:
      return kind satisfies never;
  }
}

function doing({ kind, state, busy, systemState, generation }: ProcessSnapshot): string {
  if (systemState === "Z") return "has ended, and nobody has taken note: a zombie";
  const [first, ...others] = busy;
  if (first !== undefined) {
    const more = others.length === 0 ? "" : ` (+${others.length})`;
    return `${briefDuration(first.ageMs)} ${shown(first.request)}${more}`;
  }
  if (kind === "zygote") return `generation ${generation ?? ""}: ${shown(state ?? "")}`;
  if (kind === "worker" && state === "ready") return "idle";
  if (kind === "gateway" && state === SILENT) return "does not answer";
  return shown(state ?? "");
}

function toneOf({ systemState, busy, kind, state }: ProcessSnapshot): Tone {
  if (systemState === "Z" || (kind === "gateway" && state === SILENT)) return "bad";
  if (busy.some(({ ageMs }) => ageMs >= SLOW_MS)) return "warning";
  if (busy.length > 0) return "good";
  return ["worker", "gateway", "leader"].includes(kind) ? "plain" : "faint";
}

function aligned(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => {
      const width = widths[column] ?? 0;
      return RIGHT.has(column) ? cell.padStart(width) : cell.padEnd(width);
    })
    .join(" ")
    .trimEnd();
}
