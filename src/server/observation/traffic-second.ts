/**
 * What happened in one second, in a form that several gateways' can be added in: with the buckets
 * that its quantiles are read from, and not with these. Pure.
 */
import { type BucketCounts, quantileOf, sumOfCounts, totalOf } from "./quantile-histogram.ts";
import type { TrafficPoint } from "./snapshot.ts";

export interface TrafficSecond extends Omit<
  TrafficPoint,
  "requests" | "p50Us" | "p90Us" | "p99Us" | "queueP99Us"
> {
  /** Of all requests, from their first byte to their answer's last. */
  readonly durations: BucketCounts;
  /** Of those that waited for a worker. */
  readonly queueTimes: BucketCounts;
}

/** Both are of the same second. */
export function sumOfSeconds(one: TrafficSecond, other: TrafficSecond): TrafficSecond {
  return {
    atMs: one.atMs,
    serverErrors: one.serverErrors + other.serverErrors,
    clientErrors: one.clientErrors + other.clientErrors,
    receivedBytes: one.receivedBytes + other.receivedBytes,
    sentBytes: one.sentBytes + other.sentBytes,
    waiting: one.waiting + other.waiting,
    connections: one.connections + other.connections,
    durations: sumOfCounts(one.durations, other.durations),
    queueTimes: sumOfCounts(one.queueTimes, other.queueTimes),
  };
}

/** As it is shown. */
export function pointOf({ durations, queueTimes, ...rest }: TrafficSecond): TrafficPoint {
  return {
    ...rest,
    requests: totalOf(durations),
    p50Us: quantileOf(durations, 0.5),
    p90Us: quantileOf(durations, 0.9),
    p99Us: quantileOf(durations, 0.99),
    queueP99Us: quantileOf(queueTimes, 0.99),
  };
}
