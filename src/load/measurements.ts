/**
 * What is counted while a load runs, in one process or in several: they add up.
 *
 * Each request that was begun ends as one of three: answered, failed, or cut off by the end.
 */
import { type LatencyData, LatencyHistogram } from "./latency-histogram.ts";
import { FAILURE_KIND_NAMES, type FailureKind } from "./request-failure.ts";

const COUNTERS = [
  /** Requests that were begun. */
  "begun",
  /** Whole answers; and those of them that came while requests were sent. */
  "answered",
  "answeredInWindow",
  /** Neither answered nor failed when it was all broken off. */
  "cutOff",
  /** Due while requests were sent, and never begun: no connection was free. */
  "notBegun",
  "sentBytes",
  /** Of all answers, heads included. */
  "receivedBytes",
  /** Of contents, without their framing. */
  "contentBytes",
  /** Connections that were made, and those that the server closed while nothing was asked. */
  "connected",
  "closedIdle",
  /** Bytes came on a connection on which nothing was asked; it was closed. */
  "unsolicited",
  /** Answers of status 1xx. */
  "interim",
] as const;

export type Counter = (typeof COUNTERS)[number];

/** Measurements as plain data, to travel between processes. */
export interface MeasurementsData {
  readonly counters: Readonly<Record<Counter, number>>;
  readonly statuses: readonly (readonly [status: number, count: number])[];
  readonly failures: Readonly<Record<FailureKind, number>>;
  /** An example of the first failure of each kind, in the words of the system. */
  readonly examples: Readonly<Partial<Record<FailureKind, string>>>;
  readonly latency: LatencyData;
  readonly serviceTime: LatencyData;
  /** The Server field of the first answer; null where there was none. */
  readonly server: string | null;
}

/** Of an example and of the Server field. */
const TEXT_MAX_CHARS = 300;

export class Measurements {
  readonly counters: Record<Counter, number>;
  readonly statuses = new Map<number, number>();
  readonly failures: Record<FailureKind, number>;
  readonly examples: Partial<Record<FailureKind, string>> = {};
  /** From the time at which a request was due to the end of its answer. */
  readonly latency = new LatencyHistogram();
  /** From the time at which a request was sent, connecting included, to the end of its answer. */
  readonly serviceTime = new LatencyHistogram();
  server: string | null = null;

  constructor() {
    this.counters = zeros(COUNTERS);
    this.failures = zeros(FAILURE_KIND_NAMES);
  }

  static fromData(data: MeasurementsData): Measurements {
    const measurements = new Measurements();
    Object.assign(measurements.counters, data.counters);
    Object.assign(measurements.failures, data.failures);
    Object.assign(measurements.examples, data.examples);
    for (const [status, count] of data.statuses) measurements.statuses.set(status, count);
    measurements.latency.add(LatencyHistogram.fromData(data.latency));
    measurements.serviceTime.add(LatencyHistogram.fromData(data.serviceTime));
    measurements.server = data.server;
    return measurements;
  }

  /** Requests without a whole answer. */
  get failed(): number {
    return FAILURE_KIND_NAMES.reduce((sum, kind) => sum + this.failures[kind], 0);
  }

  addStatus(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }

  addFailure(kind: FailureKind, example: string): void {
    this.failures[kind]++;
    this.examples[kind] ??= example.slice(0, TEXT_MAX_CHARS);
  }

  noteServer(value: string | null): void {
    this.server ??= value === null ? null : value.slice(0, TEXT_MAX_CHARS);
  }

  /** Adds what another process has counted. */
  add(other: Measurements): void {
    for (const counter of COUNTERS) this.counters[counter] += other.counters[counter];
    for (const kind of FAILURE_KIND_NAMES) {
      this.failures[kind] += other.failures[kind];
      const example = this.examples[kind] ?? other.examples[kind];
      if (example !== undefined) this.examples[kind] = example;
    }
    for (const [status, count] of other.statuses) {
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + count);
    }
    this.latency.add(other.latency);
    this.serviceTime.add(other.serviceTime);
    this.server ??= other.server;
  }

  toData(): MeasurementsData {
    return {
      counters: { ...this.counters },
      statuses: [...this.statuses],
      failures: { ...this.failures },
      examples: { ...this.examples },
      latency: this.latency.toData(),
      serviceTime: this.serviceTime.toData(),
      server: this.server,
    };
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
