/**
 * How a worker lives: what it may have at once, and when another takes its place. Pure but for the
 * dice, which keep workers that were born together from leaving together.
 */
import type { ChannelSettings, WorkerLoad } from "./channel-settings.ts";
import { openProgress } from "./worker-progress.ts";
import type { MemoryReport } from "./worker-report.ts";
import type { WorkerClass } from "./zygote-start.ts";

export interface WorkerLifeSettings {
  readonly workerClass: WorkerClass;
  /** Channels of each worker: one, but for class `thread`. */
  readonly threads: number;
  /** Requests after which another takes its place; null for never. */
  readonly requestsMax: number | null;
  /** So many requests more, at most; each worker has its own number. */
  readonly requestsJitter: number;
  /** Resident bytes beyond which another takes its place; null for never. */
  readonly rssMaxBytes: number | null;
  /** Age at which another takes its place; null for never. */
  readonly lifetimeMs: number | null;
  /** How long one that gets no more requests may go on with what it has; null for ever. */
  readonly drainTimeoutMs: number | null;
}

/** So much of its time a worker may leave early. */
const LIFETIME_JITTER = 0.1;

/** What the channels of one new worker are made with, whatever code it runs. */
export function channelSettings(
  life: WorkerLifeSettings,
  load: WorkerLoad,
): Omit<ChannelSettings, "generation"> {
  const { workerClass, threads, requestsMax, requestsJitter } = life;
  const jitter = Math.floor(Math.random() * (requestsJitter + 1));
  return {
    load,
    depthMax: workerClass === "process" ? null : 1,
    requestsMax: workerClass === "request" ? 1 : null,
    openProgress,
    // The least busy worker's first idle thread is asked, so any of them may reach it first.
    recycleAfter:
      requestsMax === null ? null : Math.max(1, Math.ceil((requestsMax + jitter) / threads)),
  };
}

/**
 * Whether a worker that reports its size was as large before its first request: then every other
 * would be so too, and nothing is won by replacing it.
 */
export function isTooLargeFromBirth(life: WorkerLifeSettings, report: MemoryReport): boolean {
  const grewBytes = report.routes.reduce((sum, route) => sum + Math.max(0, route.grewBytes), 0);
  return report.rssBytes - grewBytes > (life.rssMaxBytes ?? Infinity);
}

/** When a worker that is born now has lived long enough; null for never. */
export function expiryMs({ lifetimeMs }: WorkerLifeSettings, nowMs: number): number | null {
  if (lifetimeMs === null) return null;
  return nowMs + lifetimeMs * (1 - Math.random() * LIFETIME_JITTER);
}
