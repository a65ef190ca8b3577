/**
 * The time from a generation's import until it can be given the traffic: who waits for it, and what
 * makes it fail.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";

/** So many workers may end before it is over. */
const DEATHS_MAX = 3;

export class WarmUp {
  /** Workers that have ended. */
  deaths = 0;
  /** What the application said when it was asked last and was not ready; null for nothing. */
  lastAnswer: string | null = null;
  readonly #untilMs: number;
  readonly #failed = Promise.withResolvers<never>();
  #ready = Promise.withResolvers<void>();

  /** @param untilMs when it has failed because of its length */
  constructor(untilMs: number) {
    this.#untilMs = untilMs;
    // Whoever waits hears of it; where nobody does, nobody wants to know.
    this.#failed.promise.catch(() => {});
  }

  /** Waits for `step`. @throws {OperatorError} exit status 3: the warm-up failed meanwhile */
  until<T>(step: Promise<T>): Promise<T> {
    return Promise.race([step, this.#failed.promise]);
  }

  /** Resolves when {@link workersAreReady} is called next, or at once where that is the present. */
  untilWorkersAreReady(areReady: boolean): Promise<void> {
    if (areReady) return Promise.resolve();
    this.#ready = Promise.withResolvers();
    return this.until(this.#ready.promise);
  }

  workersAreReady(): void {
    this.#ready.resolve();
  }

  workerDied(how: string): void {
    if (++this.deaths >= DEATHS_MAX) this.fail(`they end ${how}`);
  }

  isLate(nowMs: number): boolean {
    return nowMs > this.#untilMs;
  }

  fail(why: string): void {
    const sentence = `the application was imported, but its workers do not start: ${why}`;
    this.#failed.reject(new OperatorError(EXIT_STATUS.moduleNotLoaded, sentence));
  }
}
