/**
 * A connection that came when no place was free. Before it is turned away it looks again a few
 * times: a client that has closed a connection and opens another one at once is often accepted
 * before the end of the first has been seen, and is not one too many.
 *
 * It is not read meanwhile. Knows no limits; whether there is a place, its owner says.
 */
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import { ConnectionActivity } from "./connection-activity.ts";
import type { ServedConnection } from "./connection-context.ts";
import type { ConnectionOrigin } from "./connection-origin.ts";

/** How long it waits between two looks. */
export const LOOK_INTERVAL_MS = 5;
/**
 * After so many looks it is turned away. An end takes a few turns of the event loop until it is
 * counted, and on a busy machine each of them may be longer than the interval.
 */
export const LOOKS_MAX = 4;

export interface WaitingConnectionOwner {
  readonly nowMs: number;
  wouldServe(connection: WaitingConnection): boolean;
  /**
   * The stream gets another handler, which serves it or turns it away, or is closed.
   *
   * @returns whether there is another handler, which gets what has been kept for it
   */
  onWaited(connection: WaitingConnection): boolean;
  onClosed(connection: ServedConnection): void;
}

export class WaitingConnection implements ByteStreamHandler, ServedConnection {
  readonly activity: ConnectionActivity;
  /** Whose it is; null where a proxy has yet to say so. */
  readonly origin: ConnectionOrigin | null;
  readonly phase = "head";
  readonly head = null;
  readonly #owner: WaitingConnectionOwner;
  #looks = 0;
  #timer: NodeJS.Timeout;
  /** What came behind a proxy's header, with the header: one read of the stream at most. */
  #kept: Buffer | null = null;
  #hasEnded = false;

  constructor(owner: WaitingConnectionOwner, stream: ByteStream, origin: ConnectionOrigin | null) {
    this.#owner = owner;
    this.activity = new ConnectionActivity(stream, owner.nowMs);
    this.origin = origin;
    stream.handler = this;
    stream.pauseReading();
    this.#timer = setTimeout(WaitingConnection.#look, LOOK_INTERVAL_MS, this);
  }

  /** It has not been told yet whether it is served, and that is a matter of milliseconds. */
  isIdle(): boolean {
    return false;
  }

  sweep(): void {}

  close(): void {
    this.activity.stream.close();
  }

  onBytes(bytes: Buffer, end: number): void {
    this.#kept = Buffer.from(bytes.subarray(0, end));
  }

  onEnd(): void {
    this.#hasEnded = true;
  }

  onDrain(): void {}

  onClose(): void {
    clearTimeout(this.#timer);
    this.#owner.onClosed(this);
  }

  static #look(this: void, waiting: WaitingConnection): void {
    const { stream } = waiting.activity;
    // Whoever has closed it will hear of it.
    if (stream.closed) return;
    waiting.#looks++;
    if (waiting.#looks < LOOKS_MAX && !waiting.#owner.wouldServe(waiting)) {
      waiting.#timer = setTimeout(WaitingConnection.#look, LOOK_INTERVAL_MS, waiting);
      return;
    }
    stream.resumeReading();
    if (waiting.#owner.onWaited(waiting)) waiting.#handOver();
  }

  #handOver(): void {
    const { stream } = this.activity;
    const kept = this.#kept;
    if (kept !== null) stream.handler.onBytes(kept, kept.length);
    if (this.#hasEnded && !stream.closed) stream.handler.onEnd();
  }
}
