/**
 * One epoll set, epoll(7), level-triggered.
 *
 * An event is addressed by the slot and the generation that its descriptor was added with, never by
 * the descriptor: that number may already belong to another connection by the time the event is
 * looked at. Knows nothing of what stands in a slot.
 */
import { EINTR, systemCallError } from "./errno.ts";
import type { Libc } from "./libc.ts";

export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
/** Always reported, asked for or not: an error is pending on the socket. */
export const EPOLLERR = 0x008;
/** Always reported, asked for or not: both directions are shut. */
export const EPOLLHUP = 0x010;

/** How many events one `wait` can take; what is ready beyond them comes with the next. */
export const EVENTS_PER_WAIT_MAX = 512;

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLL_CLOEXEC = 0x80000;

/**
 * `struct epoll_event` in 32-bit words. On x86-64 alone it is packed, so that its 64 bits of data
 * begin at byte 4; elsewhere they are aligned to byte 8.
 */
const PACKED = process.arch === "x64";
const EVENT_WORDS = PACKED ? 3 : 4;
const SLOT_WORD = PACKED ? 1 : 2;
const GENERATION_WORD = SLOT_WORD + 1;

export class Epoll {
  readonly descriptor: number;
  readonly #libc: Libc;
  readonly #events = new Int32Array(new ArrayBuffer(EVENTS_PER_WAIT_MAX * EVENT_WORDS * 4));
  /**
   * The argument of epoll_ctl. Its own ArrayBuffer: a short typed array could otherwise live in
   * V8's moving heap.
   */
  readonly #change = new Int32Array(new ArrayBuffer(16));

  /** @throws {SystemCallError} EMFILE, ENFILE, ENOMEM */
  constructor(libc: Libc) {
    this.#libc = libc;
    this.descriptor = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.descriptor < 0) {
      throw systemCallError(libc.errno(), "epoll_create1", "creating the event queue");
    }
  }

  /** @throws {SystemCallError} ENOSPC (fs.epoll.max_user_watches), ENOMEM, EBADF, EEXIST */
  add(fd: number, events: number, slot: number, generation: number): void {
    this.#control(EPOLL_CTL_ADD, fd, events, slot, generation);
  }

  /** @throws {SystemCallError} ENOENT, EBADF, ENOMEM */
  modify(fd: number, events: number, slot: number, generation: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events, slot, generation);
  }

  /** @throws {SystemCallError} ENOENT, EBADF */
  remove(fd: number): void {
    if (this.#libc.epoll_ctl(this.descriptor, EPOLL_CTL_DEL, fd, null) < 0) {
      throw systemCallError(this.#libc.errno(), "epoll_ctl", `removing descriptor ${fd}`);
    }
  }

  /**
   * Takes what is ready.
   *
   * @param timeoutMs how long to wait until something is: 0 not at all, -1 without an end
   * @returns how many events there are, 0 to {@link EVENTS_PER_WAIT_MAX}; valid until the next
   *   call. Also 0 where a signal came before: whoever waits for a time knows what is left of it.
   * @throws {SystemCallError} EBADF
   */
  poll(timeoutMs: number): number {
    for (;;) {
      const count = this.#libc.epoll_wait(
        this.descriptor,
        this.#events,
        EVENTS_PER_WAIT_MAX,
        timeoutMs,
      );
      if (count >= 0) return count;
      const errno = this.#libc.errno();
      if (errno !== EINTR) throw systemCallError(errno, "epoll_wait", "taking events");
      if (timeoutMs !== 0) return 0;
    }
  }

  eventsAt(index: number): number {
    return this.#events[index * EVENT_WORDS] as number;
  }

  slotAt(index: number): number {
    return this.#events[index * EVENT_WORDS + SLOT_WORD] as number;
  }

  generationAt(index: number): number {
    return this.#events[index * EVENT_WORDS + GENERATION_WORD] as number;
  }

  close(): void {
    this.#libc.close(this.descriptor);
  }

  #control(operation: number, fd: number, events: number, slot: number, generation: number): void {
    const change = this.#change;
    change[0] = events;
    change[SLOT_WORD] = slot;
    change[GENERATION_WORD] = generation;
    if (this.#libc.epoll_ctl(this.descriptor, operation, fd, change) < 0) {
      throw systemCallError(this.#libc.errno(), "epoll_ctl", `watching descriptor ${fd}`);
    }
  }
}
