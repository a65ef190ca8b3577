/**
 * Judges whether a transfer of one message goes on fast enough: no pause longer than a bound, and
 * never for long below a rate. Knows neither the direction nor the clock.
 *
 * Bytes buy time, each as much as it may take at that rate. What they buy beyond a bound is lost,
 * or else one burst would let a peer hold the connection for hours at a byte now and then.
 */
export interface TransferLimits {
  /** The longest time in which no byte moves, ms. */
  readonly pauseMaxMs: number;
  /**
   * The least bytes a second; null for any. A peer may be ahead of it by as much as the longest
   * pause needs, or {@link RATE_GRACE_MS} where that is more.
   */
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
  /** The most time that bytes can have bought at any moment, ms. */
  readonly #aheadMaxMs: number;
  #judgedFromMs = 0;
  #movedAtMs = 0;
  /** Until when the bytes that have moved are enough. */
  #paidUntilMs = 0;
  /** Since when the transfer is held up by us; null where it is not. */
  #heldAtMs: number | null = null;
  #active = false;

  constructor(limits: TransferLimits) {
    this.#limits = limits;
    this.#aheadMaxMs = Math.max(RATE_GRACE_MS, limits.pauseMaxMs);
  }

  /** Whether a transfer has begun and is not over. */
  get active(): boolean {
    return this.#active;
  }

  begin(nowMs: number): void {
    this.#active = true;
    this.#judgedFromMs = nowMs + RATE_GRACE_MS;
    this.#movedAtMs = nowMs;
    this.#paidUntilMs = nowMs;
    this.#heldAtMs = null;
  }

  /** The transfer is over: nothing is too slow any more. */
  end(): void {
    this.#active = false;
  }

  moved(bytes: number, nowMs: number): void {
    // What still moves while we hold the transfer up does so at the moment at which time stopped.
    const atMs = this.#heldAtMs ?? nowMs;
    const { rateMinBytes } = this.#limits;
    this.#movedAtMs = atMs;
    if (rateMinBytes === null) return;
    const paidUntilMs = this.#paidUntilMs + (bytes * MS_PER_SECOND) / rateMinBytes;
    this.#paidUntilMs = Math.min(paidUntilMs, atMs + this.#aheadMaxMs);
  }

  /** The transfer waits for us, not for the peer: that time does not count. Idempotent. */
  hold(nowMs: number): void {
    this.#heldAtMs ??= nowMs;
  }

  release(nowMs: number): void {
    if (this.#heldAtMs === null) return;
    const heldMs = Math.max(0, nowMs - this.#heldAtMs);
    this.#judgedFromMs += heldMs;
    this.#movedAtMs += heldMs;
    this.#paidUntilMs += heldMs;
    this.#heldAtMs = null;
  }

  tooSlow(nowMs: number): boolean {
    if (!this.#active || this.#heldAtMs !== null) return false;
    const { pauseMaxMs, rateMinBytes } = this.#limits;
    if (nowMs - this.#movedAtMs >= pauseMaxMs) return true;
    return rateMinBytes !== null && nowMs > Math.max(this.#judgedFromMs, this.#paidUntilMs);
  }
}
