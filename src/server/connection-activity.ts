/**
 * What a connection keeps for whoever looks on: a few numbers, and no more than that while nobody
 * does.
 */
import type { ByteStream } from "../net/byte-stream.ts";

/** What a connection waits for. */
export type ConnectionPhase =
  | "proxy-header"
  | "idle"
  | "head"
  | "content"
  | "answer"
  | "lingering"
  | "closed";

/** A request counts as much as so many bytes where connections are compared. */
const REQUEST_BYTES = 1_024;

export class ConnectionActivity {
  readonly stream: ByteStream;
  readonly bornAtMs: number;
  /** Whose heads have come, the present one included. */
  requests = 0;
  #seen = 0;

  constructor(stream: ByteStream, nowMs: number) {
    this.stream = stream;
    this.bornAtMs = nowMs;
  }

  /**
   * How much has come and gone since it was last noted, in bytes, as one number: for comparing.
   *
   * @param notes from now on only what comes later counts
   */
  sinceNoted(notes: boolean): number {
    const { receivedBytes, sentBytes } = this.stream;
    const total = receivedBytes + sentBytes + this.requests * REQUEST_BYTES;
    const since = total - this.#seen;
    if (notes) this.#seen = total;
    return since;
  }
}
