/**
 * Watches whether a client takes what waits for it, as far as the stream can tell. Looks at the
 * stream a few times a second; costs nothing while nothing waits.
 */
import type { ByteStream } from "../net/byte-stream.ts";
import { type TransferLimits, TransferWatch } from "./transfer-watch.ts";

export class AnswerWatch {
  readonly #stream: ByteStream;
  readonly #limits: TransferLimits;
  #watch: TransferWatch | null = null;
  /** Bytes that the client had taken at the last look that saw some waiting for it. */
  #takenBytes = 0;

  constructor(stream: ByteStream, limits: TransferLimits) {
    this.#stream = stream;
    this.#limits = limits;
  }

  /**
   * Looks at the stream.
   *
   * @param givenBytes all bytes ever given to the stream
   * @returns whether the client takes too little
   */
  look(givenBytes: number, nowMs: number): boolean {
    const { unsentBytes } = this.#stream;
    if (unsentBytes === 0) {
      this.#watch?.end();
      return false;
    }
    const unacknowledged = this.#stream.unacknowledgedBytes();
    // Where the kernel does not say what it holds, megabytes of progress cannot be seen: only a
    // long pause tells anything then.
    const rateMinBytes = unacknowledged === null ? null : this.#limits.rateMinBytes;
    const watch = (this.#watch ??= new TransferWatch({ ...this.#limits, rateMinBytes }));
    const taken = givenBytes - unsentBytes - (unacknowledged ?? 0);
    if (!watch.active) watch.begin(nowMs);
    else if (taken > this.#takenBytes) watch.moved(taken - this.#takenBytes, nowMs);
    this.#takenBytes = taken;
    return watch.tooSlow(nowMs);
  }
}
