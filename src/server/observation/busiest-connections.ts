/**
 * Looks over all connections once: counts them by what they wait for, and lists the busiest. A few
 * operations for each connection, and text only for those that are listed.
 */
import { formatAddress } from "../../os/socket-address.ts";
import type { ServedConnection } from "../connection-context.ts";
import { shownText } from "./observed-text.ts";
import type { ConnectionSnapshot, ConnectionsSnapshot } from "./snapshot.ts";

/** Whoever has a request now comes before whoever has moved so many bytes. */
const PRESENT_REQUEST_BYTES = 1_024;

/** A connection that may be among the busiest, with what it is compared by. */
export interface RankedConnection {
  /** What it has carried since the look before, in bytes, and more for a present request. */
  readonly activity: number;
  readonly shown: ConnectionSnapshot;
}

/** What several gateways can be compared by. */
export interface RankedConnections extends Omit<ConnectionsSnapshot, "shown"> {
  /** The busiest first; bounded. */
  readonly busiest: readonly RankedConnection[];
}

interface Ranked {
  readonly connection: ServedConnection;
  readonly activity: number;
}

/** For whoever compares them with no others. */
export function withoutRanks({ open, byPhase, busiest }: RankedConnections): ConnectionsSnapshot {
  return { open, byPhase, shown: busiest.map(({ shown }) => shown) };
}

/**
 * @param shownMax connections that are listed
 * @param nowMs    by the clock that says when they began
 * @param notes    whether what has been carried so far is not to count the next time
 */
export function rankConnections(
  connections: Iterable<ServedConnection>,
  shownMax: number,
  nowMs: number,
  notes: boolean,
): RankedConnections {
  const byPhase: Record<string, number> = {};
  const heap: Ranked[] = [];
  let open = 0;
  for (const connection of connections) {
    const { phase } = connection;
    const present = connection.head === null ? 0 : PRESENT_REQUEST_BYTES;
    const activity = connection.activity.sinceNoted(notes) + present;
    // What has been closed in this turn is no connection any more.
    if (phase === "closed" || connection.activity.stream.closed) continue;
    open++;
    byPhase[phase] = (byPhase[phase] ?? 0) + 1;
    if (heap.length < shownMax) pushUp(heap, { connection, activity });
    else if (shownMax > 0 && activity > (heap[0] as Ranked).activity) {
      heap[0] = { connection, activity };
      pushDown(heap);
    }
  }
  const busiest = heap
    .toSorted((one, other) => other.activity - one.activity)
    .map(({ connection, activity }) => ({ activity, shown: describe(connection, nowMs) }));
  return { open, byPhase, busiest };
}

/** The least active is on top, and the first to go. */
function pushUp(heap: Ranked[], ranked: Ranked): void {
  let at = heap.length;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above] as Ranked;
    if (parent.activity <= ranked.activity) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = ranked;
}

function pushDown(heap: Ranked[]): void {
  const moved = heap[0] as Ranked;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    const [left, right] = [heap[below] as Ranked, heap[below + 1]];
    if (right !== undefined && right.activity < left.activity) below++;
    const lesser = heap[below] as Ranked;
    if (lesser.activity >= moved.activity) break;
    heap[at] = lesser;
    at = below;
  }
  heap[at] = moved;
}

function describe({ activity, head, phase }: ServedConnection, nowMs: number): ConnectionSnapshot {
  const { stream, bornAtMs, requests } = activity;
  return {
    local: formatAddress(stream.localAddress),
    remote: formatAddress(stream.remoteAddress),
    descriptor: stream.descriptor,
    phase,
    ageMs: Math.max(0, Math.round(nowMs - bornAtMs)),
    requests,
    receivedBytes: stream.receivedBytes,
    sentBytes: stream.sentBytes,
    unsentBytes: stream.unsentBytes,
    request: head === null ? null : shownText(`${head.method} ${head.rawTarget}`),
  };
}
