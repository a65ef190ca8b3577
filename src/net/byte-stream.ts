/**
 * The one seam between the protocols and the operating system: a connected, bidirectional stream of
 * bytes.
 *
 * Two implementations stand behind it, `epoll-stream.ts` (our own system calls) and
 * `node-stream.ts` (`node:net`); nothing above this layer can tell which one it holds.
 */
import type { SocketAddress } from "../os/socket-address.ts";

/**
 * What a stream tells its owner. Every method is called from the event loop, never from inside a
 * call that the owner makes to the stream.
 */
export interface ByteStreamHandler {
  /**
   * Bytes arrived: `bytes[0..end)`. The memory belongs to the stream and is valid only during the
   * call; the owner copies what it keeps.
   */
  onBytes(bytes: Buffer, end: number): void;
  /**
   * The peer closed its sending half (EOF). The stream can still be written to. Called at most
   * once.
   */
  onEnd(): void;
  /** `unsentBytes` fell to zero after it had been above zero. */
  onDrain(): void;
  /**
   * The stream is closed and its descriptor is gone. Called exactly once, also after the owner's
   * own `close()`; no other method is called afterwards. `error` is null for an orderly end.
   */
  onClose(error: Error | null): void;
}

export interface ByteStream {
  /** Whom the stream reports to. Set it in the turn in which the stream was made. */
  handler: ByteStreamHandler;
  readonly remoteAddress: SocketAddress;
  /**
   * The address the peer connected to. May cost a system call at the first use, and is kept from
   * then on.
   */
  readonly localAddress: SocketAddress;
  /**
   * Bytes given to `write` that the kernel did not take when they were sent. What was written in
   * this turn may not have been sent yet, and then does not count; see `flush`.
   */
  readonly unsentBytes: number;
  readonly closed: boolean;
  /** The kernel's number for it in this process; null once it is closed, and where Node has it. */
  readonly descriptor: number | null;
  /** All that was handed to the owner, and all that the kernel has taken, in bytes. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /**
   * Bytes that the kernel has taken and the peer has not acknowledged; null where the kernel cannot
   * be asked. Costs a system call.
   */
  unacknowledgedBytes(): number | null;
  /**
   * Bytes that have come and wait in the kernel to be read; null where the kernel cannot be asked.
   * Costs a system call.
   */
  unreadBytes(): number | null;
  /**
   * Whether the peer closed before it had read everything that was sent to it. Known for Unix
   * sockets only: the kernel reports it as ECONNRESET, or as EPIPE to a later send (unix(7)).
   */
  readonly unreadByPeer: boolean;

  /**
   * Sends `bytes[start..end)` in this turn, as far as the kernel takes it; the rest is copied and
   * sent later, in order. The caller may reuse its memory when the call returns. Never throws: a
   * failed send closes the stream, and `onClose` reports it in a later turn. Writes to a closed or
   * ended stream are ignored.
   *
   * There is no bound here: the owner watches `unsentBytes` and stops its source (backpressure).
   */
  write(bytes: Uint8Array, start: number, end: number): void;
  /**
   * Hands its descriptor out, so that another process sends or receives by a duplicate of it. From
   * then on a close ends the connection, whoever still has one. Nothing may be written, or read,
   * until the other is done.
   *
   * @returns null where something is unsent, and where Node has the descriptor
   */
  lend(): number | null;
  /** Another process has sent so many bytes by it. */
  countSentByOther(bytes: number): void;
  /** Another process has received so many bytes by it. */
  countReceivedByOther(bytes: number): void;
  /** Sends what was written in this turn now. Never throws, like `write`. */
  flush(): void;
  /**
   * Stops `onBytes` and `onEnd` until `resumeReading`. The kernel's buffer fills up and slows the
   * peer.
   */
  pauseReading(): void;
  resumeReading(): void;
  /**
   * Closes the sending half once everything written has left: `shutdown(SHUT_WR)`. Once the peer's
   * half is closed too, in whichever order, the stream closes by itself.
   */
  end(): void;
  /** Closes at once and discards what is unsent. Idempotent. */
  close(): void;
  /**
   * Closes at once with a reset (`SO_LINGER` 0), so that the peer cannot take what it got for the
   * whole. A Unix socket knows no reset: there it is a close. Idempotent.
   */
  reset(): void;
}

/** A stream over which descriptors can travel beside the bytes (`SCM_RIGHTS`, unix(7)). */
export interface DescriptorStream extends ByteStream {
  /**
   * Sends the bytes with the descriptors attached to the first of them. The descriptors stay the
   * caller's to close. At most {@link DESCRIPTORS_PER_MESSAGE_MAX}. Never throws, like `write`.
   */
  writeWithDescriptors(bytes: Uint8Array, descriptors: readonly number[]): void;
}

/** Bound of one SCM_RIGHTS message; the kernel's own is 253 (SCM_MAX_FD). */
export const DESCRIPTORS_PER_MESSAGE_MAX = 16;
