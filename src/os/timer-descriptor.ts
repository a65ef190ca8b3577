/**
 * A timer that is a descriptor, timerfd_create(2): readable once its time has come, to the
 * microsecond where Node's timers know milliseconds.
 */
import { systemCallError } from "./errno.ts";
import type { Libc } from "./libc.ts";

const CLOCK_MONOTONIC = 1;
const TFD_NONBLOCK = 0x800;
const TFD_CLOEXEC = 0x80000;
/**
 * `struct itimerspec`: interval and value, each as seconds and nanoseconds of 64 bits, of which the
 * lower halves are enough.
 */
const ITIMERSPEC_BYTES = 32;
const VALUE_SECONDS_WORD = 4;
const VALUE_NANOSECONDS_WORD = 6;
const NANOSECONDS_PER_MS = 1e6;
const MS_PER_SECOND = 1_000;
/** A value of zero would switch the timer off. */
const NANOSECONDS_MIN = 1;
const NANOSECONDS_MAX = 999_999_999;

export class TimerDescriptor {
  readonly descriptor: number;
  readonly #libc: Libc;
  readonly #setting = new Int32Array(new ArrayBuffer(ITIMERSPEC_BYTES));

  /** @throws {SystemCallError} EMFILE, ENFILE, ENOMEM */
  constructor(libc: Libc) {
    this.#libc = libc;
    this.descriptor = libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (this.descriptor < 0) {
      throw systemCallError(libc.errno(), "timerfd_create", "making a timer");
    }
  }

  /** Readable after so many milliseconds, once, and not before; what was set before is void. */
  set(afterMs: number): void {
    const seconds = Math.floor(Math.max(0, afterMs) / MS_PER_SECOND);
    const restMs = Math.max(0, afterMs) - seconds * MS_PER_SECOND;
    this.#settle(seconds, Math.max(NANOSECONDS_MIN, Math.round(restMs * NANOSECONDS_PER_MS)));
  }

  /** Not readable any more. */
  clear(): void {
    this.#settle(0, 0);
  }

  close(): void {
    this.#libc.close(this.descriptor);
  }

  #settle(seconds: number, nanoseconds: number): void {
    this.#setting[VALUE_SECONDS_WORD] = seconds;
    this.#setting[VALUE_NANOSECONDS_WORD] = Math.min(nanoseconds, NANOSECONDS_MAX);
    const result = this.#libc.timerfd_settime(this.descriptor, 0, this.#setting, null);
    if (result < 0) {
      throw systemCallError(this.#libc.errno(), "timerfd_settime", "setting a timer");
    }
  }
}
