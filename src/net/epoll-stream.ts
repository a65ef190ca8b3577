/**
 * A byte stream over our own system calls: recv, send, shutdown, close, on a non-blocking socket in
 * a reactor.
 *
 * Reading is level-triggered: one recv for each time that the socket is readable, into one buffer
 * that all streams share. Small writes to a client leave together at the end of the turn; others
 * are tried at once. Only what the kernel does not take is kept.
 * Knows nothing of what the bytes mean.
 *
 * Invariants: the handler is called from the reactor only, never from within a call of the owner's.
 * Once `closed`, the descriptor is gone and only `onClose` follows. An event that nobody waits for
 * is switched off, so that a level that stays up does not spin: see `#watch` and `#noticeHangUp`.
 */
import { invariant, SystemCallError } from "../base/errors.ts";
import { sendDescriptors } from "../os/descriptor-passing.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../os/epoll.ts";
import { EAGAIN, ECONNRESET, EINTR, systemCallError } from "../os/errno.ts";
import type { Libc } from "../os/libc.ts";
import { formatAddress, type SocketAddress } from "../os/socket-address.ts";
import {
  duplicate,
  lingerZero,
  localAddressOf,
  MSG_NOSIGNAL,
  SHUT_RDWR,
  SHUT_WR,
  takeSocketError,
  unacknowledgedBytesOf,
  unreadBytesOf,
} from "../os/sockets.ts";
import {
  type ByteStreamHandler,
  DESCRIPTORS_PER_MESSAGE_MAX,
  type DescriptorStream,
} from "./byte-stream.ts";
import { NULL_HANDLER } from "./null-handler.ts";
import { GATHERED_WRITE_MAX_BYTES, type Outbox, type Sender } from "./outbox.ts";
import type { Reactor, Registration } from "./reactor.ts";
import { SendQueue } from "./send-queue.ts";

/** What all streams of a transport share. */
export interface EpollStreamContext {
  readonly libc: Libc;
  readonly reactor: Reactor;
  readonly outbox: Outbox;
  /**
   * Where every recv goes; its length is the most that one `onBytes` brings of a process of ours.
   */
  readonly receiveBuffer: Buffer;
  /** All open streams, so that the transport can close them. */
  readonly streams: Set<EpollStream>;
}

/** Bytes still delivered after a send has failed: what a peer had sent before it went. */
const RECEIVED_AFTER_FAILURE_MAX_BYTES = 4_194_304;
/**
 * What one `onBytes` brings of a stranger at most: what it pipelines is kept in memory, beyond the
 * owner's own bound on that by one such piece.
 */
const STRANGERS_BYTES_MAX = 65_536;
/** System calls that one readiness to send may cost; the rest waits for the next turn. */
const SENDS_PER_EVENT_MAX = 64;

export class EpollStream implements DescriptorStream, Sender {
  handler: ByteStreamHandler = NULL_HANDLER;
  readonly remoteAddress: SocketAddress;
  closed = false;
  unreadByPeer = false;
  receivedBytes = 0;
  sentBytes = 0;
  readonly #context: EpollStreamContext;
  readonly #fd: number;
  readonly #registration: Registration;
  /** What the kernel has not taken; null while it takes everything, as it nearly always does. */
  #queue: SendQueue | null = null;
  readonly #peerIsOurs: boolean;
  #localAddress: SocketAddress | null;
  /** Events that the reactor reports at present, and whether it was told to report none at all. */
  #watched = EPOLLIN;
  #parked = false;
  /** The outbox has something of this stream, which comes behind what is unsent. */
  #isGathered = false;
  #readingPaused = false;
  /** The peer has closed its sending half. */
  #ended = false;
  /** The owner has ended ours; and the kernel knows. */
  #endAsked = false;
  #shutDown = false;
  /** Another process may have a duplicate of the descriptor. */
  #wasLent = false;
  /** Why nothing can be sent any more; the stream is about to close. */
  #failure: Error | null = null;

  /**
   * Takes a connected, non-blocking descriptor over.
   *
   * @param localAddress null where it is to be asked for when it is needed
   * @param peerIsOurs whether a process of our own is at the other end: what it had sent before it
   *   went is an answer to somebody, and is kept until it is taken, even while reading is paused. A
   *   stranger's is not.
   * @throws {SystemCallError} ENOSPC, ENOMEM: it cannot be watched; the descriptor is closed
   */
  constructor(
    context: EpollStreamContext,
    fd: number,
    remoteAddress: SocketAddress,
    localAddress: SocketAddress | null,
    peerIsOurs: boolean,
  ) {
    this.#context = context;
    this.#peerIsOurs = peerIsOurs;
    this.#fd = fd;
    this.remoteAddress = remoteAddress;
    this.#localAddress = localAddress;
    try {
      this.#registration = context.reactor.add(fd, EPOLLIN, this);
    } catch (error) {
      context.libc.close(fd);
      throw error;
    }
    context.streams.add(this);
  }

  get localAddress(): SocketAddress {
    if (this.#localAddress === null) {
      invariant(!this.closed, "a closed stream is not asked for its address for the first time");
      this.#localAddress = localAddressOf(this.#context.libc, this.#fd);
    }
    return this.#localAddress;
  }

  get descriptor(): number | null {
    return this.closed ? null : this.#fd;
  }

  get unsentBytes(): number {
    return this.#queue === null ? 0 : this.#queue.length;
  }

  unacknowledgedBytes(): number | null {
    return this.closed ? 0 : unacknowledgedBytesOf(this.#context.libc, this.#fd);
  }

  unreadBytes(): number | null {
    return this.closed ? 0 : unreadBytesOf(this.#context.libc, this.#fd);
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    if (this.closed || this.#endAsked || this.#failure !== null || start >= end) return;
    const isSmall = end - start <= GATHERED_WRITE_MAX_BYTES;
    if (isSmall && !this.#peerIsOurs && this.unsentBytes === 0) {
      this.#context.outbox.add(this, bytes, start, end);
      // Behind it: where the outbox was full, what it had of this stream was sent just now.
      this.#isGathered = true;
      return;
    }
    this.flush();
    if (this.#failure !== null) return;
    if (this.unsentBytes > 0) {
      this.#unsent().append(bytes, start, end);
      return;
    }
    const whole = start === 0 ? bytes : bytes.subarray(start, end);
    const sent = this.#send(whole, end - start);
    if (sent < 0 || sent === end - start) return;
    this.#unsent().append(bytes, start + sent, end);
    this.#watch();
  }

  /** Called by the outbox. */
  sendGathered(memory: Buffer, start: number, end: number): void {
    this.#isGathered = false;
    if (this.closed || this.#failure !== null) return;
    // The kernel may have had no room for what a full outbox sent before.
    const hasRoom = this.unsentBytes === 0;
    const sent = hasRoom ? this.#sendAt(this.#context.outbox.address + start, end - start) : 0;
    if (sent < 0 || sent === end - start) return;
    this.#unsent().append(memory, start + sent, end);
    this.#watch();
  }

  writeWithDescriptors(bytes: Uint8Array, descriptors: readonly number[]): void {
    invariant(descriptors.length <= DESCRIPTORS_PER_MESSAGE_MAX, "a message holds 16 descriptors");
    if (this.closed || this.#endAsked || this.#failure !== null) return;
    let sent = 0;
    if (this.unsentBytes === 0) sent = this.#sendWithDescriptors(bytes, descriptors);
    if (sent < 0 || sent === bytes.length) return;
    if (sent > 0) {
      this.#unsent().append(bytes, sent, bytes.length);
    } else {
      this.#queueDescriptors(bytes, descriptors);
    }
    this.#watch();
  }

  lend(): number | null {
    this.flush();
    const isUsable = !this.closed && !this.#endAsked && this.#failure === null;
    if (!isUsable || this.unsentBytes > 0) return null;
    this.#wasLent = true;
    return this.#fd;
  }

  countSentByOther(bytes: number): void {
    this.sentBytes += bytes;
  }

  countReceivedByOther(bytes: number): void {
    this.receivedBytes += bytes;
  }

  flush(): void {
    if (this.#isGathered) this.#context.outbox.flush();
  }

  pauseReading(): void {
    // The event is switched off when it comes: many pauses end before.
    this.#readingPaused = true;
  }

  resumeReading(): void {
    if (!this.#readingPaused || this.closed) return;
    this.#readingPaused = false;
    if (this.#failure !== null) this.#context.reactor.atTurnEnd(() => this.#closeFailed());
    else this.#watch();
  }

  end(): void {
    if (this.closed || this.#endAsked) return;
    this.flush();
    this.#endAsked = true;
    if (this.unsentBytes === 0) this.#shutDownSending();
  }

  close(): void {
    this.flush();
    this.#close(null);
  }

  reset(): void {
    if (this.closed) return;
    this.flush();
    lingerZero(this.#context.libc, this.#fd);
    this.#close(null);
  }

  /** Called by the reactor. */
  onEvents(events: number): void {
    if ((events & EPOLLOUT) !== 0 && this.unsentBytes > 0) this.#flush();
    if (this.closed) return;
    if (this.#readingPaused || this.#ended) {
      if ((events & (EPOLLERR | EPOLLHUP)) !== 0) this.#noticeHangUp();
      else this.#watch();
    } else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) !== 0) {
      this.#receive();
    }
  }

  /** @returns whether there may be more */
  #receive(): boolean {
    const { libc, receiveBuffer } = this.#context;
    const { length } = receiveBuffer;
    const lengthMax = this.#peerIsOurs ? length : Math.min(length, STRANGERS_BYTES_MAX);
    for (;;) {
      const count = libc.recv(this.#fd, receiveBuffer, lengthMax, 0);
      if (count > 0) {
        this.receivedBytes += count;
        this.handler.onBytes(receiveBuffer, count);
        return true;
      }
      if (count === 0) return this.#takeEnd();
      const errno = libc.errno();
      if (errno === EAGAIN) return false;
      if (errno === EINTR) continue;
      // A process of ours that ends with unread bytes resets the stream (unix(7)); what it had sent
      // comes first all the same, so for its reader this is the end, no more.
      if (errno === ECONNRESET && this.#peerIsOurs) {
        this.unreadByPeer = true;
        return this.#takeEnd();
      }
      this.#close(systemCallError(errno, "recv", this.#doing("receiving from")));
      return false;
    }
  }

  #takeEnd(): false {
    this.#ended = true;
    this.#watch();
    this.handler.onEnd();
    this.#closeWhenBothEnded();
    return false;
  }

  /** @returns how many bytes went, or -1 when sending has failed for good */
  #send(bytes: Uint8Array, length: number): number {
    const { libc } = this.#context;
    for (;;) {
      const sent = libc.send(this.#fd, bytes, length, MSG_NOSIGNAL);
      if (sent >= 0) return this.#counted(sent);
      const outcome = this.#notSent("send", "sending to");
      if (outcome !== null) return outcome;
    }
  }

  /** The same for memory whose address is known. */
  #sendAt(address: number, length: number): number {
    const { libc } = this.#context;
    for (;;) {
      const sent = libc.sendAt(this.#fd, address, length, MSG_NOSIGNAL);
      if (sent >= 0) return this.#counted(sent);
      const outcome = this.#notSent("send", "sending to");
      if (outcome !== null) return outcome;
    }
  }

  #sendWithDescriptors(bytes: Uint8Array, descriptors: readonly number[]): number {
    const { libc } = this.#context;
    for (;;) {
      const sent = sendDescriptors(libc, this.#fd, bytes, descriptors);
      if (sent >= 0) return this.#counted(sent);
      const outcome = this.#notSent("sendmsg", "passing descriptors to");
      if (outcome !== null) return outcome;
    }
  }

  #counted(sent: number): number {
    this.sentBytes += sent;
    return sent;
  }

  /** @returns 0 where there is no room now, -1 where there never will be; null for another try */
  #notSent(systemCall: string, what: string): 0 | -1 | null {
    const errno = this.#context.libc.errno();
    if (errno === EINTR) return null;
    if (errno === EAGAIN) return 0;
    this.#failSending(systemCallError(errno, systemCall, this.#doing(what)));
    return -1;
  }

  /**
   * The caller closes its own descriptors when we return, so what waits here needs some that stay.
   */
  #queueDescriptors(bytes: Uint8Array, descriptors: readonly number[]): void {
    const { libc } = this.#context;
    const own: number[] = [];
    try {
      for (const descriptor of descriptors) own.push(duplicate(libc, descriptor));
    } catch (error) {
      for (const descriptor of own) libc.close(descriptor);
      if (!(error instanceof SystemCallError)) throw error;
      this.#failSending(error);
      return;
    }
    this.#unsent().appendWithDescriptors(bytes, own);
  }

  #flush(): void {
    const queue = this.#unsent();
    for (let count = 0; count < SENDS_PER_EVENT_MAX; count++) {
      const piece = queue.first();
      if (piece === null) break;
      const { bytes, descriptors } = piece;
      const sent =
        descriptors === null
          ? this.#send(bytes, bytes.length)
          : this.#sendWithDescriptors(bytes, descriptors);
      if (sent < 0) return;
      queue.sent(sent);
      if (sent < bytes.length) break;
    }
    if (queue.length > 0) return;
    this.#queue = null;
    this.#watch();
    if (this.#endAsked) this.#shutDownSending();
    if (!this.closed) this.handler.onDrain();
  }

  #unsent(): SendQueue {
    return (this.#queue ??= new SendQueue((descriptor) => this.#context.libc.close(descriptor)));
  }

  #dropUnsent(): void {
    this.#queue?.clear();
    this.#queue = null;
  }

  #shutDownSending(): void {
    // An error here means that the connection is gone; reading reports it.
    this.#context.libc.shutdown(this.#fd, SHUT_WR);
    this.#shutDown = true;
    this.#closeWhenBothEnded();
  }

  #closeWhenBothEnded(): void {
    if (this.#ended && this.#shutDown) this.#close(null);
  }

  /** Has the reactor report what is waited for, and nothing else. */
  #watch(): void {
    if (this.closed) return;
    const reading = !this.#readingPaused && !this.#ended;
    const events = (reading ? EPOLLIN : 0) | (this.unsentBytes > 0 ? EPOLLOUT : 0);
    if (this.#parked) {
      if (events === 0) return;
      this.#parked = false;
      this.#context.reactor.unpark(this.#registration, events);
    } else if (events !== this.#watched) {
      this.#context.reactor.modify(this.#registration, events);
    }
    this.#watched = events;
  }

  /**
   * Both directions are shut, or an error is pending, while the owner does not read. A stranger's
   * reset is reported all the same. Otherwise there may be bytes left that the owner has yet to
   * read: the socket is no longer watched, because the kernel would report this forever, until
   * reading is resumed.
   */
  #noticeHangUp(): void {
    const errno = this.#peerIsOurs ? 0 : takeSocketError(this.#context.libc, this.#fd);
    if (errno !== 0) {
      this.#close(systemCallError(errno, "recv", this.#doing("waiting for")));
      return;
    }
    if (this.#parked) return;
    this.#parked = true;
    this.#context.reactor.park(this.#registration);
  }

  /**
   * The peer takes nothing any more. What it had sent before is delivered first; then the stream
   * closes.
   */
  #failSending(failure: Error): void {
    this.#failure = failure;
    this.unreadByPeer = this.remoteAddress.family === "unix";
    this.#dropUnsent();
    this.#watch();
    this.#context.reactor.atTurnEnd(() => this.#closeFailed());
  }

  #closeFailed(): void {
    let received = 0;
    while (!this.closed && !this.#ended && received < RECEIVED_AFTER_FAILURE_MAX_BYTES) {
      if (this.#readingPaused) {
        if (this.#peerIsOurs) return;
        break;
      }
      if (!this.#receive()) break;
      received += this.#context.receiveBuffer.length;
    }
    this.#close(this.#failure);
  }

  #close(error: Error | null): void {
    if (this.closed) return;
    this.closed = true;
    const { libc, reactor, streams } = this.#context;
    streams.delete(this);
    this.#dropUnsent();
    reactor.remove(this.#registration, this.#parked);
    if (this.#wasLent) libc.shutdown(this.#fd, SHUT_RDWR);
    libc.close(this.#fd);
    reactor.atTurnEnd(() => this.handler.onClose(error));
  }

  #doing(what: string): string {
    return `${what} ${formatAddress(this.remoteAddress)}`;
  }
}
