/**
 * A connection on which nothing is under way: a new one, or one between two requests. With its next
 * byte an `HttpConnection` takes over, and some time after the answer this one has it back.
 *
 * So what a server keeps for each client that merely could ask something is a stream, a deadline,
 * and who is at the other end.
 */
import type { Endpoints } from "../handlers/handler.ts";
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import { ConnectionActivity } from "./connection-activity.ts";
import type { ServedConnection } from "./connection-context.ts";

export interface IdleConnectionOwner {
  readonly nowMs: number;
  /** Something comes. @returns who handles the stream from now on */
  onWoken(connection: IdleConnection): ByteStreamHandler;
  onClosed(connection: ServedConnection): void;
}

export class IdleConnection implements ByteStreamHandler, ServedConnection {
  readonly activity: ConnectionActivity;
  readonly endpoints: Endpoints;
  /** `head` while its first request is waited for. */
  phase: "head" | "idle" = "head";
  readonly head = null;
  /** When it is closed, by the owner's clock, if it is still idle. */
  deadlineMs: number;
  readonly #owner: IdleConnectionOwner;

  /** @param timeoutMs of its first request's head */
  constructor(
    owner: IdleConnectionOwner,
    stream: ByteStream,
    endpoints: Endpoints,
    timeoutMs: number,
  ) {
    this.#owner = owner;
    this.activity = new ConnectionActivity(stream, owner.nowMs);
    this.endpoints = endpoints;
    this.deadlineMs = owner.nowMs + timeoutMs;
    stream.handler = this;
  }

  /** Has its stream back, after an answer. */
  rest(deadlineMs: number): void {
    this.phase = "idle";
    this.deadlineMs = deadlineMs;
    this.activity.stream.handler = this;
  }

  isIdle(): boolean {
    return true;
  }

  /** Whoever has not begun a request is not owed an answer. */
  sweep(): void {
    if (this.#owner.nowMs >= this.deadlineMs) this.close();
  }

  close(): void {
    this.activity.stream.close();
  }

  onBytes(bytes: Buffer, end: number): void {
    this.#owner.onWoken(this).onBytes(bytes, end);
  }

  onEnd(): void {
    this.#owner.onWoken(this).onEnd();
  }

  onDrain(): void {}

  onClose(): void {
    this.#owner.onClosed(this);
  }
}
