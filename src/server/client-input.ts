/**
 * Whether a client is read at present. While it is not, the kernel makes it wait, and the time does
 * not count against it.
 *
 * Owns that a stream is paused once, and resumed once. Knows no reason for either.
 */
import type { ByteStream } from "../net/byte-stream.ts";
import type { ContentIntake } from "./content-intake.ts";

export class ClientInput {
  readonly #stream: ByteStream;
  #isPaused = false;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** @param intake whose client is not slow from now on; null where no content is under way */
  pause(intake: ContentIntake | null, nowMs: number): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    intake?.hold(nowMs);
    this.#stream.pauseReading();
  }

  resume(intake: ContentIntake | null, nowMs: number): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    intake?.release(nowMs);
    this.#stream.resumeReading();
  }
}
