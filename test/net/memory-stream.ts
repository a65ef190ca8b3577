/**
 * A byte stream without a kernel: the test is the peer. It sees what was written, takes only as
 * much of it as it wants (back-pressure), delivers bytes in any pieces, and ends the stream in each
 * way that a real one can end.
 *
 * As the contract of `src/net/byte-stream.ts` demands, the owner hears of nothing while it is
 * calling the stream: a close is reported by the next `turn()`, which every method of the peer's
 * side ends with.
 */
import type { ByteStream, ByteStreamHandler } from "../../src/net/byte-stream.ts";
import { NULL_HANDLER } from "../../src/net/null-handler.ts";
import type { SocketAddress } from "../../src/os/socket-address.ts";

export class MemoryStream implements ByteStream {
  handler: ByteStreamHandler = NULL_HANDLER;
  remoteAddress: SocketAddress = { family: "inet", host: "192.0.2.7", port: 50_123 };
  localAddress: SocketAddress = { family: "inet", host: "192.0.2.1", port: 8000 };
  closed = false;
  descriptor: number | null = null;
  receivedBytes = 0;
  unreadByPeer = false;
  paused = false;
  wasReset = false;
  /** The descriptor that is lent; null where none can be. */
  lentAs: number | null = null;
  #sentByOtherBytes = 0;
  /** Each write as it was made, taken or not. */
  readonly writes: Buffer[] = [];
  #capacityBytes = Infinity;
  readonly #taken: Buffer[] = [];
  #unsent = Buffer.alloc(0);
  #endRequested = false;
  #closeReported = false;
  #closeError: Error | null = null;
  readonly #undelivered: (Buffer | null)[] = [];

  get unsentBytes(): number {
    return this.#unsent.length;
  }

  get sentBytes(): number {
    return this.received.length + this.#sentByOtherBytes;
  }

  /** What is taken here has arrived, unless a test says otherwise. */
  unacknowledged: () => number | null = () => 0;

  lend(): number | null {
    return this.closed || this.unsentBytes > 0 ? null : this.lentAs;
  }

  /** What the peer has sent ahead, as the kernel would say. */
  unread: number | null = null;

  unreadBytes(): number | null {
    return this.unread;
  }

  countReceivedByOther(bytes: number): void {
    this.receivedBytes += bytes;
  }

  countSentByOther(bytes: number): void {
    this.#sentByOtherBytes += bytes;
  }

  flush(): void {}

  unacknowledgedBytes(): number | null {
    return this.unacknowledged();
  }

  /** What the peer has got so far. */
  get received(): Buffer {
    return Buffer.concat(this.#taken);
  }

  /** Whether the peer has seen the end of what is sent to it. */
  get sawEnd(): boolean {
    return this.closed || (this.#endRequested && this.#unsent.length === 0);
  }

  /** Whether the owner has been told of the end. */
  get closeReported(): boolean {
    return this.#closeReported;
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    if (this.closed || this.#endRequested) return;
    const copy = Buffer.from(bytes.subarray(start, end));
    this.writes.push(copy);
    this.#unsent = Buffer.concat([this.#unsent, copy]);
    this.#takeUpTo();
  }

  pauseReading(): void {
    this.paused = true;
  }

  resumeReading(): void {
    this.paused = false;
  }

  end(): void {
    this.#endRequested = true;
  }

  close(): void {
    this.closed = true;
    this.#unsent = Buffer.alloc(0);
  }

  reset(): void {
    if (!this.closed) this.wasReset = true;
    this.close();
  }

  /** From now on the peer takes `bytes` more, and no more until it is told to. */
  takeAtMost(bytes: number): void {
    this.#capacityBytes = bytes;
  }

  /** The peer takes `bytes` of what waits, or all of it, and goes on taking at most that. */
  drain(bytes = Infinity): void {
    const hadUnsent = this.#unsent.length > 0;
    this.#capacityBytes = bytes;
    this.#takeUpTo();
    if (hadUnsent && this.#unsent.length === 0 && !this.closed) this.handler.onDrain();
    this.turn();
  }

  /** The peer sends. While the owner has paused reading it waits, as it would in the kernel. */
  deliver(bytes: Buffer | string): void {
    this.#undelivered.push(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    this.turn();
  }

  /** The peer sends in pieces of `size` bytes. */
  deliverInPieces(bytes: Buffer | string, size: number): void {
    const all = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    for (let at = 0; at < all.length; at += size) this.deliver(all.subarray(at, at + size));
  }

  /** The peer closes its sending half. */
  deliverEnd(): void {
    this.#undelivered.push(null);
    this.turn();
  }

  /** The connection is gone, for example because the peer died. */
  break(error: Error | null = null): void {
    this.close();
    this.#closeError = error;
    this.turn();
  }

  /** Reports what has come about since the last turn. */
  turn(): void {
    while (!this.paused && !this.closed) {
      const next = this.#undelivered.shift();
      if (next === undefined) break;
      if (next === null) this.handler.onEnd();
      else this.#lend(next);
    }
    if (!this.closed || this.#closeReported) return;
    this.#closeReported = true;
    this.handler.onClose(this.#closeError);
  }

  /** The memory is the stream's: whoever keeps it beyond the call finds it overwritten. */
  #lend(bytes: Buffer): void {
    const memory = Buffer.alloc(bytes.length + 16, 0xaa);
    bytes.copy(memory);
    this.receivedBytes += bytes.length;
    this.handler.onBytes(memory, bytes.length);
    memory.fill(0xaa);
  }

  #takeUpTo(): void {
    const count = Math.min(this.#capacityBytes, this.#unsent.length);
    if (count === 0) return;
    this.#taken.push(this.#unsent.subarray(0, count));
    this.#unsent = this.#unsent.subarray(count);
    this.#capacityBytes -= count;
  }
}
