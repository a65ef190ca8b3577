/**
 * One timer for all deadlines. Whoever has deadlines compares them with the clock when it is
 * called; a timer for each connection would cost more than the coarser time does harm.
 */
export class DeadlineSweep {
  readonly #intervalMs: number;
  readonly #sweep: () => void;
  #timer: NodeJS.Timeout | null = null;

  /** @param sweep called every `intervalMs` from `start` to `stop` */
  constructor(intervalMs: number, sweep: () => void) {
    this.#intervalMs = intervalMs;
    this.#sweep = sweep;
  }

  /** Begins. The timer does not keep the process alive. */
  start(): void {
    this.#timer ??= setInterval(this.#sweep, this.#intervalMs).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
