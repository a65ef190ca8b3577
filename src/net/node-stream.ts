/**
 * A byte stream over `net.Socket`, with the same behaviour as `epoll-stream.ts`. Knows nothing of
 * what the bytes mean.
 *
 * One difference remains: while reading is paused, Node does not watch the socket, so a reset is
 * noticed only by writing or by reading on.
 */
import type { Socket } from "node:net";
import { unmapIPv4, type SocketAddress } from "../os/socket-address.ts";
import type { ByteStream, ByteStreamHandler } from "./byte-stream.ts";
import { NULL_HANDLER } from "./null-handler.ts";

const UNNAMED: SocketAddress = { family: "unix", path: "" };

export class NodeStream implements ByteStream {
  handler: ByteStreamHandler = NULL_HANDLER;
  readonly remoteAddress: SocketAddress;
  readonly localAddress: SocketAddress;
  closed = false;
  unreadByPeer = false;
  readonly descriptor = null;
  readonly #socket: Socket;
  #endAsked = false;
  #drainAwaited = false;
  #readingPaused = false;
  /** The peer's end has come while reading was paused. */
  #endHeld = false;
  #error: Error | null = null;

  /** Takes a connected socket over; it must have been made with `allowHalfOpen`. */
  constructor(socket: Socket, streams: Set<NodeStream>) {
    this.#socket = socket;
    const { remoteFamily, remoteAddress, remotePort, localFamily, localAddress, localPort } =
      socket;
    this.remoteAddress = addressOf(remoteFamily, remoteAddress, remotePort);
    this.localAddress = addressOf(localFamily, localAddress, localPort);
    streams.add(this);
    socket.on("data", (bytes: Buffer) => {
      if (!this.closed) this.handler.onBytes(bytes, bytes.length);
    });
    socket.on("end", () => {
      // Node tells of an end behind which nothing is left to read also while it is paused.
      if (this.#readingPaused) this.#endHeld = true;
      else if (!this.closed) this.handler.onEnd();
    });
    socket.on("error", (error) => {
      // After the owner's own close an error is no news.
      if (this.closed) return;
      this.#error = error;
      const { code } = error as NodeJS.ErrnoException;
      const unread = code === "ECONNRESET" || code === "EPIPE";
      this.unreadByPeer = unread && this.remoteAddress.family === "unix";
    });
    socket.on("close", () => {
      this.closed = true;
      streams.delete(this);
      this.handler.onClose(this.#error);
    });
  }

  get unsentBytes(): number {
    return this.closed ? 0 : this.#socket.writableLength;
  }

  get receivedBytes(): number {
    return this.#socket.bytesRead;
  }

  get sentBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /** Node does not tell. */
  unacknowledgedBytes(): null {
    return null;
  }

  unreadBytes(): null {
    return null;
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    if (this.closed || this.#endAsked || this.#socket.destroyed || start >= end) return;
    // Node keeps what it is given until it is sent; the caller's memory is the caller's again when
    // we return.
    this.#socket.write(Buffer.from(bytes.subarray(start, end)), this.#onWritten);
    if (this.#socket.writableLength > 0) this.#drainAwaited = true;
  }

  lend(): null {
    return null;
  }

  countReceivedByOther(): void {
    // Nobody does.
  }

  countSentByOther(): void {
    // Nobody else can.
  }

  flush(): void {}

  pauseReading(): void {
    this.#readingPaused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    if (this.closed) return;
    this.#readingPaused = false;
    this.#socket.resume();
    if (this.#endHeld) setImmediate(this.#tellHeldEnd);
  }

  end(): void {
    if (this.closed || this.#endAsked) return;
    this.#endAsked = true;
    this.#socket.end();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#socket.destroy();
  }

  reset(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.remoteAddress.family === "unix") this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  readonly #tellHeldEnd = (): void => {
    if (this.closed || this.#readingPaused || !this.#endHeld) return;
    this.#endHeld = false;
    this.handler.onEnd();
  };

  /** Node's own `drain` event speaks of its high-water mark; this one of the last byte. */
  readonly #onWritten = (error: Error | null | undefined): void => {
    if (this.closed || !this.#drainAwaited || error != null) return;
    if (this.#socket.writableLength > 0) return;
    this.#drainAwaited = false;
    this.handler.onDrain();
  };
}

function addressOf(
  family: string | undefined,
  host: string | undefined,
  port: number | undefined,
): SocketAddress {
  if (host === undefined || port === undefined) return UNNAMED;
  return unmapIPv4({ family: family === "IPv6" ? "inet6" : "inet", host, port });
}
