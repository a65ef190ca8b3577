/**
 * What several gateways look like, put together to what one would: a snapshot. Pure.
 *
 * Counts are added; what is listed is listed by one order for all, and cut to the bounds that a
 * gateway by itself keeps. So it does not matter who is put together with whom first.
 */
import { type RankedConnections, withoutRanks } from "../observation/busiest-connections.ts";
import { MARKS_MAX } from "../observation/observed-marks.ts";
import type { ObservedPart } from "../observation/observed-part.ts";
import { BUSY_TOTAL_MAX, OTHERS_MAX } from "../observation/process-tree.ts";
import { ERRORS_MAX } from "../observation/recent-errors.ts";
import type {
  DescriptorsSnapshot,
  ErrorSnapshot,
  ListenerSnapshot,
  MarkSnapshot,
  ProcessSnapshot,
  Snapshot,
  TrafficPoint,
} from "../observation/snapshot.ts";
import { combinedStatus, type LeaderStatus, type PartStatus } from "./combined-status.ts";

/** What is the leader's own to say. */
export interface LeaderView {
  readonly atMs: number;
  readonly status: LeaderStatus;
  /** Without those that a part tells of. */
  readonly processes: readonly ProcessSnapshot[];
  readonly listeners: readonly ListenerSnapshot[];
  readonly marks: readonly MarkSnapshot[];
  readonly latest: TrafficPoint | null;
}

/** A gateway, and what it tells; null where it does not. */
export interface PartView extends Omit<PartStatus, "status"> {
  readonly part: ObservedPart | null;
}

/** What happens in all gateways together. */
const SHARED_KINDS: ReadonlySet<MarkSnapshot["kind"]> = new Set([
  "started",
  "reload",
  "rollback",
  "reload-failed",
]);

export function combinedSnapshot(
  leader: LeaderView,
  views: readonly PartView[],
  shownMax: number,
): Snapshot {
  const told = views.flatMap(({ index, part }) => (part === null ? [] : [{ index, part }]));
  const connections = combinedConnections(
    told.map(({ index, part }) => named(index, part.connections)),
    shownMax,
  );
  return {
    atMs: leader.atMs,
    status: combinedStatus(
      leader.status,
      views.map(({ part, ...view }) => ({ ...view, status: part?.status ?? null })),
    ),
    processes: combinedProcesses(leader, told),
    listeners: leader.listeners,
    connections: withoutRanks(connections),
    descriptors: fullest(told.map(({ index, part }) => ({ ...part.descriptors, gateway: index }))),
    latest: leader.latest,
    errors: combinedErrors(told.map(({ part }) => part.errors)),
    marks: combinedMarks([
      leader.marks,
      ...told.map(({ index, part }) => ownMarks(index, part.marks)),
    ]),
  };
}

/** @param shownMax connections that are listed, of the busiest of all */
export function combinedConnections(
  parts: readonly RankedConnections[],
  shownMax: number,
): RankedConnections {
  const byPhase: Record<string, number> = {};
  for (const [phase, count] of parts.flatMap((part) => Object.entries(part.byPhase))) {
    byPhase[phase] = (byPhase[phase] ?? 0) + count;
  }
  return {
    open: parts.reduce((sum, { open }) => sum + open, 0),
    byPhase,
    busiest: parts
      .flatMap(({ busiest }) => busiest)
      .toSorted((one, other) => other.activity - one.activity)
      .slice(0, shownMax),
  };
}

/** The newest first. */
export function combinedErrors(lists: readonly (readonly ErrorSnapshot[])[]): ErrorSnapshot[] {
  return lists
    .flat()
    .toSorted((one, other) => other.atMs - one.atMs)
    .slice(0, ERRORS_MAX);
}

/** The oldest first. */
export function combinedMarks(lists: readonly (readonly MarkSnapshot[])[]): MarkSnapshot[] {
  return lists
    .flat()
    .toSorted((one, other) => one.atMs - other.atMs)
    .slice(-MARKS_MAX);
}

/** Those of the gateway that is nearest to its limit: each has a limit of its own. */
export function fullest(all: readonly DescriptorsSnapshot[]): DescriptorsSnapshot {
  const [first] = all.toSorted((one, other) => usedShare(other) - usedShare(one));
  return first ?? { used: null, limit: null };
}

/** Without limits by number, behind all that have one; who does not tell comes last. */
function usedShare({ used, limit }: DescriptorsSnapshot): number {
  return used === null ? -1 : used / (limit ?? Number.MAX_SAFE_INTEGER);
}

function named(index: number, connections: RankedConnections): RankedConnections {
  const busiest = connections.busiest.map(({ activity, shown }) => ({
    activity,
    shown: { ...shown, gateway: index },
  }));
  return { ...connections, busiest };
}

/** What a gateway marks that happens in all of them is marked by the leader, once. */
function ownMarks(index: number, marks: readonly MarkSnapshot[]): MarkSnapshot[] {
  return marks
    .filter(({ kind }) => !SHARED_KINDS.has(kind))
    .map((mark) => ({ ...mark, text: `gateway ${index}: ${mark.text}` }));
}

interface Told {
  readonly index: number;
  readonly part: ObservedPart;
}

/** The leader first, then the gateways in their order, then what is below them. */
function combinedProcesses(
  { status, processes }: LeaderView,
  told: readonly Told[],
): ProcessSnapshot[] {
  const all = [
    ...processes,
    ...told.flatMap(({ index, part }) =>
      part.processes.map((found) =>
        found.kind === "gateway"
          ? { ...found, number: index, ppid: found.ppid ?? status.pid }
          : found,
      ),
    ),
  ];
  const gateways = all
    .filter(({ kind }) => kind === "gateway")
    .toSorted((one, other) => (one.number ?? 0) - (other.number ?? 0));
  const leader = all.filter(({ kind }) => kind === "leader");
  const rest = all.filter(({ kind }) => kind !== "leader" && kind !== "gateway");
  return bounded([...leader, ...gateways, ...rest]);
}

/** Each gateway keeps these bounds for itself; together they would be many times as much. */
function bounded(processes: readonly ProcessSnapshot[]): ProcessSnapshot[] {
  let [others, busy] = [0, 0];
  return processes.flatMap((found) => {
    if (found.kind === "other" && ++others > OTHERS_MAX) return [];
    const kept = found.busy.slice(0, Math.max(0, BUSY_TOTAL_MAX - busy));
    busy += kept.length;
    return [{ ...found, busy: kept }];
  });
}
