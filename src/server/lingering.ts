/**
 * The end of a connection whose last answer has left: the sending half is closed, and what the
 * client still sends is read and dropped, within bounds. Closing at once would reset the
 * connection, and could take the answer with it (RFC 9112 section 9.6).
 */

/**
 * How long the client may be silent, and how long and how much it may send in all: many clients
 * write their whole content before they read.
 */
const SILENCE_MAX_MS = 2_000;
const TOTAL_MAX_MS = 30_000;
const MAX_BYTES = 134_217_728;

export class Lingering {
  readonly #endsAtMs: number;
  #droppedBytes = 0;

  constructor(nowMs: number) {
    this.#endsAtMs = nowMs + TOTAL_MAX_MS;
  }

  /** When it ends, if nothing comes from now on. */
  deadline(nowMs: number): number {
    return Math.min(nowMs + SILENCE_MAX_MS, this.#endsAtMs);
  }

  /** @returns whether the client has sent too much */
  drop(bytes: number): boolean {
    this.#droppedBytes += bytes;
    return this.#droppedBytes > MAX_BYTES;
  }
}
