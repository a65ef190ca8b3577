/**
 * How late the process comes to what is due: a timer that says when it was to be called and when it
 * was. Costs twenty short calls a second, and nothing while it is not started.
 */
import { DurationHistogram, type DurationSeries } from "./duration-histogram.ts";

const INTERVAL_MS = 50;
const US_PER_MS = 1_000;

export class EventLoopDelay {
  readonly #nowMs: () => number;
  readonly #histogram = new DurationHistogram(1);
  #timer: NodeJS.Timeout | null = null;
  #dueAtMs = 0;

  /** @param nowMs monotonic, with fractions */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  start(): void {
    this.#dueAtMs = this.#nowMs() + INTERVAL_MS;
    this.#timer ??= setInterval(() => this.onTimer(), INTERVAL_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  onTimer(): void {
    const nowMs = this.#nowMs();
    // The system's timers go by whole milliseconds, and may be a little early by ours.
    const lateMs = Math.max(nowMs - this.#dueAtMs, 0);
    this.#histogram.observe(0, Math.round(lateMs * US_PER_MS));
    this.#dueAtMs = nowMs + INTERVAL_MS;
  }

  series(): DurationSeries {
    return this.#histogram.series(0);
  }
}
