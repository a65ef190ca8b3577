/**
 * Whether a client is read at present. While it is not, the kernel makes it wait, and the time does
 * not count against it.
 *
 * Owns that a stream is paused once, and resumed once, and that nothing is read while somebody else
 * may do so: each would have a part. Knows no reason for any of these.
 */
import type { ByteStream } from "../net/byte-stream.ts";
import type { ContentIntake } from "./content-intake.ts";

export class ClientInput {
  readonly #stream: ByteStream;
  #isPaused = false;
  #isLent = false;

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
    if (!this.#isPaused || this.#isLent) return;
    this.#isPaused = false;
    intake?.release(nowMs);
    this.#stream.resumeReading();
  }

  /** Another process reads the client: from now on nothing resumes, until `endLoan`. */
  lend(intake: ContentIntake, nowMs: number): void {
    this.pause(intake, nowMs);
    this.#isLent = true;
  }

  /** It does so no more. */
  endLoan(): void {
    this.#isLent = false;
  }
}
