/**
 * The last ten minutes of several gateways together, a second at a time. What each tells is added
 * when it is told, so that what one had counted stays when it is gone. Pure: the time is told.
 */
import type { TrafficPoint } from "../observation/snapshot.ts";
import { HISTORY_SECONDS } from "../observation/traffic-history.ts";
import { pointOf, sumOfSeconds, type TrafficSecond } from "../observation/traffic-second.ts";

const MS_PER_SECOND = 1_000;

export class CombinedHistory {
  /** By their beginning. */
  readonly #seconds = new Map<number, TrafficSecond>();
  /** Of those that have been read and have not changed since. */
  readonly #points = new Map<number, TrafficPoint>();
  #untilMs = -Infinity;

  /**
   * Forgets what is older than ten minutes; and everything where the clock was set back, since what
   * was before is on no time axis with what comes.
   *
   * @param untilMs beginning of the second that is not over yet
   * @returns whether everything is to be told once more
   */
  advance(untilMs: number): boolean {
    const isSetBack = untilMs < this.#untilMs;
    this.#untilMs = untilMs;
    const fromMs = untilMs - HISTORY_SECONDS * MS_PER_SECOND;
    for (const atMs of this.#seconds.keys()) {
      if (atMs >= fromMs && !isSetBack) continue;
      this.#seconds.delete(atMs);
      this.#points.delete(atMs);
    }
    return isSetBack;
  }

  /** @param told each second of each gateway once */
  add(told: readonly TrafficSecond[]): void {
    for (const second of told) {
      const known = this.#seconds.get(second.atMs);
      this.#seconds.set(second.atMs, known === undefined ? second : sumOfSeconds(known, second));
      this.#points.delete(second.atMs);
    }
  }

  /** The second that was over last; null where nobody has told of it. */
  latest(): TrafficPoint | null {
    const second = this.#seconds.get(this.#untilMs - MS_PER_SECOND);
    return second === undefined ? null : this.#pointOf(second);
  }

  /** The oldest first; at most {@link HISTORY_SECONDS}. */
  points(): TrafficPoint[] {
    return [...this.#seconds.values()]
      .toSorted((one, other) => one.atMs - other.atMs)
      .map((second) => this.#pointOf(second));
  }

  #pointOf(second: TrafficSecond): TrafficPoint {
    const known = this.#points.get(second.atMs);
    if (known !== undefined) return known;
    const point = pointOf(second);
    this.#points.set(second.atMs, point);
    return point;
  }
}
