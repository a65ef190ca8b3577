/**
 * A listening socket of our own: accepts in a loop until the kernel's queue is empty, and makes
 * streams.
 */
import type { Log } from "../base/log.ts";
import { connectionDescriptorsEnd } from "../os/descriptors.ts";
import { EPOLLIN } from "../os/epoll.ts";
import { EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, errnoName } from "../os/errno.ts";
import {
  decodeSockaddr,
  formatAddress,
  SOCKADDR_MAX_BYTES,
  type SocketAddress,
} from "../os/socket-address.ts";
import { disableNagle, duplicate, SOCK_CLOEXEC, SOCK_NONBLOCK } from "../os/sockets.ts";
import type { ByteStream } from "./byte-stream.ts";
import { EpollStream, type EpollStreamContext } from "./epoll-stream.ts";
import type { Registration } from "./reactor.ts";
import type { Listener } from "./transport.ts";
import { type FileIdentity, removeIfSame } from "./unix-socket-file.ts";

/** Connections taken at a time; the rest waits until the others have had their events. */
const ACCEPTS_PER_EVENT_MAX = 64;
/**
 * The same of a socket that others accept from too, who then get so long for theirs: whoever has
 * the CPU would else take all that come at a time.
 */
const SHARED_ACCEPTS_MAX = 4;
const LEFT_TO_OTHERS_MS = 1;
/** How long accepting rests when there is no descriptor or memory for one more connection. */
const ACCEPT_PAUSE_MS = 100;
/** A server at its limit says so this often, not with each connection. */
const EXHAUSTION_LOG_INTERVAL_MS = 60_000;
/** Failed calls in a row after which accepting is left to a later event, whatever the reason. */
const FAILURES_IN_A_ROW_MAX = 64;

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Lengths of addresses, and the addresses, as accept4 writes them. Used only within one call. */
const lengthWord = new Int32Array(new ArrayBuffer(4));
const sockaddr = Buffer.allocUnsafeSlow(SOCKADDR_MAX_BYTES);

export class EpollListener implements Listener {
  readonly address: SocketAddress;
  readonly effectiveBacklog: number;
  shared = false;
  readonly #context: EpollStreamContext;
  readonly #log: Log;
  readonly #fd: number;
  readonly file: FileIdentity | null;
  /** Whether every connection's local address is the one bound, so that nobody needs to ask. */
  readonly #localAddress: SocketAddress | null;
  /** From here on descriptors are kept for what serves the connections. */
  #descriptorsEnd = Infinity;
  #registration: Registration | null = null;
  #onStream: ((stream: ByteStream) => void) | null = null;
  #pause: NodeJS.Timeout | null = null;
  #exhaustionLoggedAtMs = -Infinity;
  /** By the present event. */
  #isOneTaken = false;
  #stopping = false;
  readonly #stopped = Promise.withResolvers<void>();

  /** Takes a listening descriptor over, and the file that names it, if there is one. */
  constructor(
    context: EpollStreamContext,
    log: Log,
    fd: number,
    address: SocketAddress,
    effectiveBacklog: number,
    file: FileIdentity | null,
  ) {
    this.#context = context;
    this.#log = log;
    this.#fd = fd;
    this.address = address;
    this.effectiveBacklog = effectiveBacklog;
    this.file = file;
    const wildcard = address.family !== "unix" && WILDCARDS.has(address.host);
    this.#localAddress = wildcard ? null : address;
  }

  get descriptor(): number | null {
    return this.#stopping ? null : this.#fd;
  }

  start(onStream: (stream: ByteStream) => void): void {
    if (this.#stopping || this.#registration !== null) return;
    this.#onStream = onStream;
    this.#descriptorsEnd = connectionDescriptorsEnd(this.#context.libc);
    this.#registration = this.#context.reactor.add(this.#fd, EPOLLIN, this);
  }

  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    if (this.#registration !== null) {
      this.#context.reactor.remove(this.#registration, false);
      if (!this.shared) this.#acceptWaiting();
    }
    this.#context.libc.close(this.#fd);
    if (this.file !== null && !this.shared) removeIfSame(this.file);
    this.#stopped.resolve();
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** Called by the reactor. */
  onEvents(): void {
    if (!this.shared) {
      this.#accept(ACCEPTS_PER_EVENT_MAX);
      return;
    }
    this.#isOneTaken = false;
    this.#accept(SHARED_ACCEPTS_MAX);
    if (this.#isOneTaken) this.#leaveToOthers();
  }

  #acceptWaiting(): void {
    // One more than the queue holds; clients that come while this runs are not served forever.
    const emptied = this.#accept(this.effectiveBacklog + 1);
    if (emptied) return;
    this.#log.warn("connections that waited could not all be accepted", {
      address: formatAddress(this.address),
    });
  }

  /** @returns whether the kernel's queue is empty */
  #accept(acceptsMax: number): boolean {
    const { libc } = this.#context;
    let failures = 0;
    for (let accepted = 0; accepted < acceptsMax && failures < FAILURES_IN_A_ROW_MAX;) {
      lengthWord[0] = SOCKADDR_MAX_BYTES;
      const fd = libc.accept4(this.#fd, sockaddr, lengthWord, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        failures = 0;
        accepted++;
        this.#take(fd, decodeSockaddr(sockaddr, lengthWord[0]));
        if (fd < this.#descriptorsEnd || this.#stopping) continue;
        this.#rest("EMFILE");
        return false;
      }
      const errno = libc.errno();
      if (errno === EAGAIN) return true;
      if (errno === EMFILE || errno === ENFILE || errno === ENOBUFS || errno === ENOMEM) {
        this.#rest(errnoName(errno));
        return false;
      }
      // EINTR; or ECONNABORTED and the errors of a network, which accept(2) reports of a connection
      // that died while it waited. The next one is as good as any.
      failures++;
    }
    return false;
  }

  #take(fd: number, remoteAddress: SocketAddress): void {
    const { libc } = this.#context;
    this.#isOneTaken = true;
    if (remoteAddress.family !== "unix") disableNagle(libc, fd);
    let stream: EpollStream;
    try {
      stream = new EpollStream(this.#context, fd, remoteAddress, this.#localAddress, false);
    } catch (error) {
      this.#log.error("a connection could not be watched and was closed", { cause: String(error) });
      return;
    }
    this.#onStream?.(stream);
  }

  /**
   * Connections stay in the kernel's queue, and level-triggered epoll would report them without
   * end; so nothing is reported for a while, and whoever ends a connection meanwhile makes room.
   */
  #rest(code: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#exhaustionLoggedAtMs > EXHAUSTION_LOG_INTERVAL_MS) {
      this.#exhaustionLoggedAtMs = nowMs;
      this.#log.error("accepting rests for want of descriptors or memory", {
        code,
        address: formatAddress(this.address),
      });
    }
    const registration = this.#registration;
    if (this.#stopping || registration === null || this.#pause !== null) return;
    this.#context.reactor.modify(registration, 0);
    this.#restOn(registration);
  }

  #leaveToOthers(): void {
    const registration = this.#registration;
    if (this.#stopping || registration === null || this.#pause !== null) return;
    this.#context.reactor.modify(registration, 0);
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.#context.reactor.modify(registration, EPOLLIN);
    }, LEFT_TO_OTHERS_MS);
  }

  #restOn(registration: Registration): void {
    this.#pause = setTimeout(() => {
      this.#pause = null;
      if (this.#hasDescriptor()) this.#context.reactor.modify(registration, EPOLLIN);
      else this.#restOn(registration);
    }, ACCEPT_PAUSE_MS);
  }

  /** Whether one more connection would leave alone what is kept. */
  #hasDescriptor(): boolean {
    const { libc } = this.#context;
    try {
      const lowestFree = duplicate(libc, this.#fd);
      libc.close(lowestFree);
      return lowestFree < this.#descriptorsEnd;
    } catch {
      return false;
    }
  }
}
