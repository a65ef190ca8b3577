/**
 * Connections on which the last answer is complete: the server closes them first.
 *
 * Whoever closes a TCP connection first keeps its port for a minute (TIME_WAIT, RFC 9293 section
 * 3.3.2). A client that did so for each of its requests would soon have none left.
 */
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";

/** Connections that are waited for; with more, the oldest is closed from here. */
const LEAVING_MAX = 4_096;
/** How long the server has. */
const LEAVING_MAX_MS = 1_000;

export class Departures {
  /** The oldest first; the time at which each is closed from here. */
  readonly #leaving = new Map<ByteStream, number>();

  add(stream: ByteStream, nowMs: number): void {
    if (stream.closed) return;
    stream.handler = new Departure(stream, this.#leaving);
    this.#leaving.set(stream, nowMs + LEAVING_MAX_MS);
    if (this.#leaving.size > LEAVING_MAX) {
      const [oldest] = this.#leaving.keys();
      oldest?.close();
    }
  }

  /** Closes those that the server has not closed in time. */
  sweep(nowMs: number): void {
    for (const [stream, untilMs] of this.#leaving) {
      if (untilMs > nowMs) return;
      stream.close();
      this.#leaving.delete(stream);
    }
  }

  closeAll(): void {
    for (const stream of this.#leaving.keys()) stream.close();
    this.#leaving.clear();
  }
}

class Departure implements ByteStreamHandler {
  readonly #stream: ByteStream;
  readonly #leaving: Map<ByteStream, number>;

  constructor(stream: ByteStream, leaving: Map<ByteStream, number>) {
    this.#stream = stream;
    this.#leaving = leaving;
  }

  onBytes(): void {}

  /** With our half ended as well, the stream closes by itself. */
  onEnd(): void {
    this.#stream.end();
  }

  onDrain(): void {}

  onClose(): void {
    this.#leaving.delete(this.#stream);
  }
}
