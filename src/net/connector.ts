/**
 * How the program reaches a server: connections of a client's, and an alarm for it. Two
 * implementations, `epoll-connector.ts` and `node-connector.ts`; `open-connector.ts` chooses.
 */
import type { SocketAddress } from "../os/socket-address.ts";
import type { ByteStream } from "./byte-stream.ts";

/** Who waits for a connection. One of the two is called, once, and never from within `connect`. */
export interface ConnectWaiter {
  /** Sets the stream's handler. */
  onConnected(stream: ByteStream): void;
  /** @param error a `SystemCallError`: ECONNREFUSED, ENOENT, ETIMEDOUT, EADDRNOTAVAIL, ... */
  onUnconnected(error: Error): void;
}

/** A connection that is being made. */
export interface Attempt {
  /** Gives it up; nobody is called any more. Without effect once somebody was. */
  cancel(): void;
}

/** Rings once for each time that it is set. */
export interface Alarm {
  /** Rings after so many milliseconds; what was set before is void. */
  set(afterMs: number): void;
  /** Does not ring. */
  clear(): void;
  /** For good. Idempotent. */
  close(): void;
}

export interface Connector {
  readonly name: "epoll" | "node";
  /**
   * Begins to connect to an address whose host is numeric. There is no bound on the time here: the
   * owner cancels.
   */
  connect(address: SocketAddress, waiter: ConnectWaiter): Attempt;
  /** @param onRing called from the event loop */
  alarm(onRing: () => void): Alarm;
  /** Closes the streams that are still open. Attempts and alarms are their owners' to end. */
  close(): void;
}
