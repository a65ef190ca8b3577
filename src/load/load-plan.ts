/**
 * What a load is to be: whom, what, how much, how fast; and which part of it one process does.
 * Plain data, which travels to child processes as it is.
 */
import type { SocketAddress } from "../os/socket-address.ts";

export interface LoadPlan {
  /** Host numeric. */
  readonly address: SocketAddress;
  readonly method: string;
  /** The whole request, one byte a character. */
  readonly request: string;
  /** Open at the same time at most. */
  readonly connections: number;
  /** How long requests are sent; null for as long as it takes. */
  readonly durationMs: number | null;
  /** How many requests are sent; null for as many as there is time for. One of the two is set. */
  readonly requestsMax: number | null;
  /** When they are sent; null for as soon as the answer before has come. */
  readonly arrivals: Arrivals | null;
  /** Whether a connection is used again. */
  readonly keepAlive: boolean;
  /** For connecting, sending and the whole answer together; then the request has failed. */
  readonly timeoutMs: number;
}

/** Requests that come at a constant rate: request `n` at `offsetMs + n * intervalMs`. */
export interface Arrivals {
  readonly intervalMs: number;
  readonly offsetMs: number;
}

const MS_PER_SECOND = 1_000;
/** Of an interval: that 7 times a seventh of a second is a second, whatever the division says. */
const ROUNDING = 1e-6;

/** Evenly spaced, the first at once. */
export function arrivalsAtRate(ratePerSecond: number): Arrivals {
  return { intervalMs: MS_PER_SECOND / ratePerSecond, offsetMs: 0 };
}

/** When request `index` is to be sent, counted from the start. */
export function dueMs({ intervalMs, offsetMs }: Arrivals, index: number): number {
  return offsetMs + index * intervalMs;
}

/** How many requests are due in the first `untilMs`, the one at its end not counted. */
export function dueCount({ intervalMs, offsetMs }: Arrivals, untilMs: number): number {
  return Math.max(0, Math.ceil((untilMs - offsetMs) / intervalMs - ROUNDING));
}

/**
 * The part of process `index` of `count`. The parts together are the plan: connections and requests
 * are shared out, and the processes send in turn.
 */
export function partOf(plan: LoadPlan, index: number, count: number): LoadPlan {
  const { connections, requestsMax, arrivals } = plan;
  return {
    ...plan,
    connections: share(connections, index, count),
    requestsMax: requestsMax === null ? null : share(requestsMax, index, count),
    arrivals: arrivals === null ? null : everyNth(arrivals, index, count),
  };
}

function share(total: number, index: number, count: number): number {
  return Math.floor(total / count) + (index < total % count ? 1 : 0);
}

function everyNth({ intervalMs, offsetMs }: Arrivals, index: number, count: number): Arrivals {
  return { intervalMs: intervalMs * count, offsetMs: offsetMs + index * intervalMs };
}
