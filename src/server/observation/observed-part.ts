/**
 * What one gateway of several tells of itself, for its leader to put together with what the others
 * tell: a snapshot, but for what can only be added in another form. Plain data.
 */
import type { RankedConnections } from "./busiest-connections.ts";
import type { Snapshot } from "./snapshot.ts";
import type { TrafficSecond } from "./traffic-second.ts";

/** The sockets are the leader's as well, who sees them even where a gateway does not answer. */
export interface ObservedPart extends Omit<
  Snapshot,
  "atMs" | "listeners" | "connections" | "latest"
> {
  readonly connections: RankedConnections;
  /** Those that were asked for, the oldest first. */
  readonly seconds: readonly TrafficSecond[];
}

/** What is asked for. Times are those of {@link TrafficSecond.atMs}. */
export interface PartWanted {
  readonly shownMax: number;
  readonly fromMs: number;
  /** The first second that is not wanted: in some gateways it may not be over. */
  readonly untilMs: number;
}
