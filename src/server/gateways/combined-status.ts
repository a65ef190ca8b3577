/**
 * What several gateways say of themselves, added up to what one would say. Pure.
 */
import type { QueueWait } from "../../workers/queue-wait.ts";
import type { QueueStatus, ReloadStatus } from "../../workers/supervisor-status.ts";
import type { WorkerRange } from "../../workers/worker-scaling.ts";
import type { GatewayPart, GatewayStatus } from "../gateway-status.ts";

/** What is the leader's own to say. */
export type LeaderStatus = Pick<
  GatewayStatus,
  "version" | "pid" | "application" | "startedAtMs" | "state" | "addresses"
> & {
  /** Of all gateways together. */
  readonly workers: WorkerRange;
};

/** A gateway, and what it says; null where it does not answer. */
export interface PartStatus {
  readonly index: number;
  readonly pid: number;
  readonly status: GatewayStatus | null;
  /** Whether it was not asked, since it does not serve yet. */
  readonly isStarting?: boolean;
}

/** Figures are sums; each generation is named with its gateway. */
export function combinedStatus(leader: LeaderStatus, parts: readonly PartStatus[]): GatewayStatus {
  const known = parts.flatMap(({ status }) => status ?? []);
  return {
    ...leader,
    connections: sum(known.map(({ connections }) => connections)),
    queue: combinedQueue(known.map(({ queue }) => queue)),
    workers: { ...leader.workers, target: sum(known.map(({ workers }) => workers.target)) },
    generations: parts
      .flatMap(({ pid, status }) =>
        (status?.generations ?? []).map((generation) => ({ ...generation, gatewayPid: pid })),
      )
      .toSorted((one, other) => one.number - other.number),
    lastReload: combinedReload(known.map(({ lastReload }) => lastReload)),
    gateways: parts.map(partOf),
  };
}

function partOf({ index, pid, status, isStarting = false }: PartStatus): GatewayPart {
  return {
    index,
    pid,
    state: status?.state ?? (isStarting ? "starting" : null),
    startedAtMs: status?.startedAtMs ?? null,
    connections: status?.connections ?? null,
    waiting: status?.queue.waiting ?? null,
    workers: status?.workers.target ?? null,
  };
}

function combinedQueue(queues: readonly QueueStatus[]): QueueStatus {
  return {
    waiting: sum(queues.map(({ waiting }) => waiting)),
    oldestMs: largest(queues.map(({ oldestMs }) => oldestMs)),
    wait: combinedWait(queues.map(({ wait }) => wait)),
  };
}

/** The mean is that of all requests. Parts of them cannot be added: theirs is the worst one's. */
function combinedWait(waits: readonly QueueWait[]): QueueWait {
  const count = sum(waits.map((wait) => wait.count));
  const totalMs = sum(waits.map((wait) => wait.count * wait.meanMs));
  return {
    count,
    lastMs: largest(waits.map(({ lastMs }) => lastMs)),
    meanMs: count === 0 ? 0 : totalMs / count,
    maxMs: largest(waits.map(({ maxMs }) => maxMs)),
    p50Ms: largest(waits.map(({ p50Ms }) => p50Ms)),
    p99Ms: largest(waits.map(({ p99Ms }) => p99Ms)),
  };
}

/**
 * The newest generation's, and of several for that one what is worst: where one gateway has gone
 * back to the code before, all are about to.
 */
function combinedReload(reloads: readonly (ReloadStatus | null)[]): ReloadStatus | null {
  const rank = { serving: 0, failed: 1, "rolled-back": 2 };
  const known = reloads.filter((reload) => reload !== null);
  const [worst] = known.toSorted(
    (one, other) =>
      other.generation - one.generation ||
      rank[other.outcome] - rank[one.outcome] ||
      // Of those that failed, one failed by itself, and the others after it.
      one.atMs - other.atMs,
  );
  return worst ?? null;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function largest(numbers: readonly number[]): number {
  return Math.max(0, ...numbers);
}
