/**
 * The last ten minutes, a second at a time: how many requests, how long they took, how much they
 * carried. The present second is gathered in two histograms; of those that are over only a row of
 * numbers is kept. Bounded, and without allocation but for whoever reads it. The time is told.
 */
import { type BucketCounts, NO_COUNTS, QuantileHistogram } from "./quantile-histogram.ts";
import type { TrafficPoint } from "./snapshot.ts";
import type { TrafficSecond } from "./traffic-second.ts";

/** Seconds that are remembered. */
export const HISTORY_SECONDS = 600;

const MS_PER_SECOND = 1_000;
/** So late an exchange may be told of; a clock that was set goes further back. */
const LATE_MAX_SECONDS = 2;

/** What is looked at when a second is over, since no exchange tells of it. */
export interface TrafficGauges {
  /** Requests that wait for a worker. */
  readonly waiting: number;
  readonly connections: number;
}

const NO_GAUGES: TrafficGauges = { waiting: 0, connections: 0 };

/** What the quantiles of a second were read from. */
interface SecondCounts {
  readonly durations: BucketCounts;
  readonly queueTimes: BucketCounts;
}

const EMPTY: SecondCounts = { durations: NO_COUNTS, queueTimes: NO_COUNTS };

/** Places of the numbers in a row. */
const AT_SECOND = 0;
const REQUESTS = 1;
const SERVER_ERRORS = 2;
const CLIENT_ERRORS = 3;
const P50 = 4;
const P90 = 5;
const P99 = 6;
const QUEUE_P99 = 7;
const RECEIVED = 8;
const SENT = 9;
const WAITING = 10;
const CONNECTIONS = 11;
const ROW = 12;

export class TrafficHistory {
  /** Asked once a second; whoever knows sets it. */
  gauges: () => TrafficGauges = () => NO_GAUGES;
  readonly #rows = new Float64Array(HISTORY_SECONDS * ROW);
  /** How many rows hold a second, and where the next one goes. */
  #filled = 0;
  #next = 0;
  /** The present one, since the epoch; -1 before the first. */
  #second = -1;
  readonly #durations = new QuantileHistogram();
  readonly #queueTimes = new QuantileHistogram();
  #serverErrors = 0;
  #clientErrors = 0;
  #receivedBytes = 0;
  #sentBytes = 0;
  /** As the rows, each in its row's place; null where nobody adds them to another gateway's. */
  #counts: SecondCounts[] | null = null;

  /**
   * From now on the counts of each second are kept as well, for {@link TrafficHistory.seconds}. A
   * bucket is 16 bytes: a MiB or two for ten busy minutes, 9 MiB where every bucket is used.
   */
  keepCounts(): void {
    this.#counts ??= [];
  }

  /**
   * An exchange is over.
   *
   * @param endedAtEpochMs when that was
   * @param queueUs null where it waited for no worker
   */
  add(
    endedAtEpochMs: number,
    status: number,
    durationUs: number,
    queueUs: number | null,
    receivedBytes: number,
    sentBytes: number,
  ): void {
    this.advance(endedAtEpochMs);
    this.#durations.observe(durationUs);
    if (queueUs !== null) this.#queueTimes.observe(queueUs);
    if (status >= 500) this.#serverErrors++;
    else if (status >= 400) this.#clientErrors++;
    this.#receivedBytes += receivedBytes;
    this.#sentBytes += sentBytes;
  }

  /**
   * Closes the seconds that are over by then. Called several times a second, so that the gauges are
   * read when they are due; cheap while the second is the same.
   */
  advance(epochMs: number): void {
    const second = Math.floor(epochMs / MS_PER_SECOND);
    if (second === this.#second) return;
    if (this.#second === -1) this.#second = second;
    const ahead = second - this.#second;
    if (ahead <= 0 && ahead >= -LATE_MAX_SECONDS) return;
    this.#close();
    if (ahead < 0 || ahead > HISTORY_SECONDS) {
      // The clock was set, or stood still: what was before is on no time axis with what comes.
      this.#filled = 0;
      this.#second = second;
    }
    while (this.#second < second) this.#close();
  }

  /** The last second that is over; null before there is one. */
  latest(epochMs: number): TrafficPoint | null {
    this.advance(epochMs);
    return this.#filled === 0 ? null : this.#point(this.#next - 1);
  }

  /** The seconds that are over, the oldest first; at most {@link HISTORY_SECONDS}. */
  points(epochMs: number): TrafficPoint[] {
    this.advance(epochMs);
    const first = this.#next - this.#filled;
    return Array.from({ length: this.#filled }, (_, index) => this.#point(first + index));
  }

  /**
   * The seconds that are over and begin in that time, the oldest first, to be added to those of
   * other gateways: without quantiles where their counts were not kept.
   *
   * @param untilMs is not among them any more
   */
  seconds(epochMs: number, fromMs: number, untilMs: number): TrafficSecond[] {
    this.advance(epochMs);
    const first = this.#next - this.#filled;
    const all = Array.from({ length: this.#filled }, (_, index): TrafficSecond => ({
      ...this.#sums(first + index),
      ...(this.#counts?.[placeOf(first + index)] ?? EMPTY),
    }));
    return all.filter(({ atMs }) => atMs >= fromMs && atMs < untilMs);
  }

  /** The present second becomes a row; the next one begins. */
  #close(): void {
    const { waiting, connections } = this.gauges();
    const at = this.#next * ROW;
    const rows = this.#rows;
    rows[at + AT_SECOND] = this.#second;
    rows[at + REQUESTS] = this.#durations.count;
    rows[at + SERVER_ERRORS] = this.#serverErrors;
    rows[at + CLIENT_ERRORS] = this.#clientErrors;
    rows[at + P50] = this.#durations.quantileUs(0.5);
    rows[at + P90] = this.#durations.quantileUs(0.9);
    rows[at + P99] = this.#durations.quantileUs(0.99);
    rows[at + QUEUE_P99] = this.#queueTimes.quantileUs(0.99);
    rows[at + RECEIVED] = this.#receivedBytes;
    rows[at + SENT] = this.#sentBytes;
    rows[at + WAITING] = waiting;
    rows[at + CONNECTIONS] = connections;
    if (this.#counts !== null) {
      const isEmpty = this.#durations.count === 0;
      this.#counts[this.#next] = isEmpty
        ? EMPTY
        : { durations: this.#durations.counts(), queueTimes: this.#queueTimes.counts() };
    }
    this.#next = (this.#next + 1) % HISTORY_SECONDS;
    this.#filled = Math.min(this.#filled + 1, HISTORY_SECONDS);
    this.#second++;
    this.#durations.clear();
    this.#queueTimes.clear();
    this.#serverErrors = 0;
    this.#clientErrors = 0;
    this.#receivedBytes = 0;
    this.#sentBytes = 0;
  }

  /** @param index may be below 0, which counts from the end */
  #point(index: number): TrafficPoint {
    return {
      ...this.#sums(index),
      requests: this.#value(index, REQUESTS),
      p50Us: orNull(this.#value(index, P50)),
      p90Us: orNull(this.#value(index, P90)),
      p99Us: orNull(this.#value(index, P99)),
      queueP99Us: orNull(this.#value(index, QUEUE_P99)),
    };
  }

  /** What can be added to what was counted elsewhere in the same second. */
  #sums(index: number): Omit<TrafficSecond, keyof SecondCounts> {
    return {
      atMs: this.#value(index, AT_SECOND) * MS_PER_SECOND,
      serverErrors: this.#value(index, SERVER_ERRORS),
      clientErrors: this.#value(index, CLIENT_ERRORS),
      receivedBytes: this.#value(index, RECEIVED),
      sentBytes: this.#value(index, SENT),
      waiting: this.#value(index, WAITING),
      connections: this.#value(index, CONNECTIONS),
    };
  }

  #value(index: number, place: number): number {
    return this.#rows[placeOf(index) * ROW + place] as number;
  }
}

/** Of a row, in the ring. */
function placeOf(index: number): number {
  return (index + HISTORY_SECONDS) % HISTORY_SECONDS;
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
