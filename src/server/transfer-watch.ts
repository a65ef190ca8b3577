/**
 * Judges whether a transfer of one message goes on fast enough: no pause longer than a bound, and
 * no average below a rate. Knows neither the direction nor the clock.
 */
export interface TransferLimits {
  /** The longest time in which no byte moves, ms. */
  readonly pauseMaxMs: number;
  /** The least bytes a second, on average since the transfer began; null for any. */
  readonly rateMinBytes: number | null;
}

/**
 * How long a transfer goes on before its rate is judged: what a first round trip, a slow start or a
 * lost packet takes says nothing about a rate.
 */
export const RATE_GRACE_MS = 5_000;
const MS_PER_SECOND = 1000;

export class TransferWatch {
  readonly #limits: TransferLimits;
  #beganAtMs = 0;
  #movedAtMs = 0;
  #movedBytes = 0;
  /** Since when the transfer is held up by us; null where it is not. */
  #heldAtMs: number | null = null;
  #active = false;

  constructor(limits: TransferLimits) {
    this.#limits = limits;
  }

  /** Whether a transfer has begun and is not over. */
  get active(): boolean {
    return this.#active;
  }

  begin(nowMs: number): void {
    this.#active = true;
    this.#beganAtMs = nowMs;
    this.#movedAtMs = nowMs;
    this.#movedBytes = 0;
    this.#heldAtMs = null;
  }

  /** The transfer is over: nothing is too slow any more. */
  end(): void {
    this.#active = false;
  }

  moved(bytes: number, nowMs: number): void {
    this.#movedAtMs = nowMs;
    this.#movedBytes += bytes;
  }

  /** The transfer waits for us, not for the peer: that time does not count. Idempotent. */
  hold(nowMs: number): void {
    this.#heldAtMs ??= nowMs;
  }

  release(nowMs: number): void {
    if (this.#heldAtMs === null) return;
    const heldMs = Math.max(0, nowMs - this.#heldAtMs);
    this.#beganAtMs += heldMs;
    this.#movedAtMs += heldMs;
    this.#heldAtMs = null;
  }

  tooSlow(nowMs: number): boolean {
    if (!this.#active || this.#heldAtMs !== null) return false;
    const { pauseMaxMs, rateMinBytes } = this.#limits;
    if (nowMs - this.#movedAtMs >= pauseMaxMs) return true;
    const elapsedMs = nowMs - this.#beganAtMs;
    if (rateMinBytes === null || elapsedMs <= RATE_GRACE_MS) return false;
    return this.#movedBytes * MS_PER_SECOND < rateMinBytes * elapsedMs;
  }
}
