/**
 * A client's connections over our own system calls: connect(2) without waiting, in a reactor, and
 * alarms to the microsecond.
 */
import { SystemCallError } from "../base/errors.ts";
import { beginConnecting } from "../os/connecting-socket.ts";
import { EPOLLIN, EPOLLOUT } from "../os/epoll.ts";
import { EAGAIN, systemCallError } from "../os/errno.ts";
import type { SystemLibraries } from "../os/libc.ts";
import { formatAddress, type SocketAddress } from "../os/socket-address.ts";
import { takeSocketError } from "../os/sockets.ts";
import { TimerDescriptor } from "../os/timer-descriptor.ts";
import type { Alarm, Attempt, Connector, ConnectWaiter } from "./connector.ts";
import { EpollStream, type EpollStreamContext } from "./epoll-stream.ts";
import { epollStreamContext } from "./epoll-stream-context.ts";
import type { Reactor, Registrant, Registration } from "./reactor.ts";

/** Between two tries to get into the queue of a Unix socket that is full. */
const FULL_QUEUE_PAUSE_MS = 5;

export class EpollConnector implements Connector {
  readonly name = "epoll";
  readonly #context: EpollStreamContext;

  /**
   * @param onFatal takes what is thrown inside the reactor
   * @throws {SystemCallError} EMFILE, ENFILE, ENOMEM
   */
  constructor(libraries: SystemLibraries, onFatal: (error: unknown) => void) {
    this.#context = epollStreamContext(libraries, "hosted", onFatal);
  }

  connect(address: SocketAddress, waiter: ConnectWaiter): Attempt {
    return new EpollAttempt(this.#context, address, waiter);
  }

  alarm(onRing: () => void): Alarm {
    return new EpollAlarm(this.#context, onRing);
  }

  close(): void {
    for (const stream of this.#context.streams) stream.close();
    this.#context.reactor.close();
  }
}

class EpollAttempt implements Attempt, Registrant {
  readonly #context: EpollStreamContext;
  readonly #address: SocketAddress;
  readonly #waiter: ConnectWaiter;
  /** Open as long as there is a registration. */
  #registration: Registration | null = null;
  #pause: NodeJS.Timeout | null = null;
  #ended = false;

  constructor(context: EpollStreamContext, address: SocketAddress, waiter: ConnectWaiter) {
    this.#context = context;
    this.#address = address;
    this.#waiter = waiter;
    this.#begin();
  }

  cancel(): void {
    this.#ended = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    const fd = this.#unwatch();
    if (fd !== null) this.#context.libc.close(fd);
  }

  /** Called by the reactor: connected, or not. */
  onEvents(): void {
    const { libc } = this.#context;
    const fd = this.#unwatch();
    if (fd === null) return;
    const errno = takeSocketError(libc, fd);
    if (errno !== 0) {
      libc.close(fd);
      const doing = `connecting to ${formatAddress(this.#address)}`;
      this.#fail(systemCallError(errno, "connect", doing));
      return;
    }
    let stream: EpollStream;
    try {
      stream = new EpollStream(this.#context, fd, this.#address, null, false);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#fail(error);
      return;
    }
    this.#ended = true;
    this.#waiter.onConnected(stream);
  }

  #begin(): void {
    const { libc, reactor } = this.#context;
    try {
      // A Unix socket is connected already, and so writable at once: the same path for both.
      this.#watch(beginConnecting(libc, this.#address));
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      // Whoever may wait in connect(2) waits for room; we are not told when there is some.
      if (error.errno === EAGAIN && this.#address.family === "unix") this.#beginLater();
      else reactor.atTurnEnd(() => this.#fail(error));
    }
  }

  #beginLater(): void {
    this.#pause = setTimeout(() => this.#begin(), FULL_QUEUE_PAUSE_MS);
  }

  #watch(fd: number): void {
    try {
      this.#registration = this.#context.reactor.add(fd, EPOLLOUT, this);
    } catch (error) {
      this.#context.libc.close(fd);
      throw error;
    }
  }

  #unwatch(): number | null {
    const registration = this.#registration;
    this.#registration = null;
    if (registration === null) return null;
    this.#context.reactor.remove(registration, false);
    return registration.fd;
  }

  #fail(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiter.onUnconnected(error);
  }
}

class EpollAlarm implements Alarm, Registrant {
  readonly #reactor: Reactor;
  readonly #timer: TimerDescriptor;
  readonly #registration: Registration;
  readonly #onRing: () => void;
  #isSet = false;
  #closed = false;

  constructor({ libc, reactor }: EpollStreamContext, onRing: () => void) {
    this.#reactor = reactor;
    this.#onRing = onRing;
    this.#timer = new TimerDescriptor(libc);
    this.#registration = reactor.add(this.#timer.descriptor, EPOLLIN, this);
  }

  set(afterMs: number): void {
    if (this.#closed) return;
    this.#isSet = true;
    this.#timer.set(afterMs);
  }

  clear(): void {
    if (this.#closed || !this.#isSet) return;
    this.#isSet = false;
    this.#timer.clear();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reactor.remove(this.#registration, false);
    this.#timer.close();
  }

  /** Called by the reactor. */
  onEvents(): void {
    this.#isSet = false;
    this.#onRing();
    // A level that stays up would be reported again; being set anew, it is down.
    if (!this.#isSet && !this.#closed) this.#timer.clear();
  }
}
