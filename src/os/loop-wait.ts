/**
 * The moment at which Node's own event loop would wait: libuv calls back, and whoever is called
 * waits in its stead, for its own descriptors and for Node's.
 *
 * Owns what has to be known for that: the descriptor that says when Node has something to do, how
 * long it would wait, and what Node does when a callback of its own returns. libuv offers the first
 * two to whoever hosts its loop in another (uv_backend_fd, uv_backend_timeout).
 */
import { invariant } from "../base/errors.ts";
import { systemCallError } from "./errno.ts";
import type { Libuv } from "./libc.ts";
import { LoopHandle } from "./loop-handle.ts";

/** A function of `process` that runs the next ticks and promise jobs that wait; not documented. */
export const TICK_CALLBACK = "_tickCallback";
type WithTickCallback = Readonly<Partial<Record<typeof TICK_CALLBACK, () => void>>>;

/** Whether somebody waits already: two would wait for each other's descriptors. */
let isTaken = false;

export class LoopWait {
  /** Readable whenever one of Node's descriptors is; may be watched, but not read. */
  readonly descriptor: number;
  readonly #libuv: Libuv;
  readonly #loop: bigint;
  readonly #handle: LoopHandle;
  readonly #runTicks: (() => void) | null;
  #closed = false;

  /**
   * @param onWait called from the loop when it would wait, between {@link LoopWait.ref} and
   *   {@link LoopWait.unref}; it must not throw, since C code stands below
   * @throws {SystemCallError} what libuv says, with its negative errno made positive
   */
  constructor(libuv: Libuv, onWait: () => void) {
    invariant(!isTaken, "one in a process waits in place of Node's loop");
    this.#libuv = libuv;
    this.#loop = libuv.uv_default_loop();
    this.descriptor = libuv.uv_backend_fd(this.#loop);
    this.#handle = new LoopHandle(libuv, "prepare", onWait);
    const status = libuv.uv_prepare_init(this.#loop, this.#handle.address);
    if (status < 0) {
      this.#handle.discard();
      throw systemCallError(-status, "uv_prepare_init", "waiting in place of Node's loop");
    }
    this.#runTicks = (process as WithTickCallback)[TICK_CALLBACK] ?? null;
    isTaken = true;
  }

  /** From now on it calls back, and keeps the process alive. */
  ref(): void {
    if (!this.#closed) {
      this.#libuv.uv_prepare_start(this.#handle.address, this.#handle.callback);
    }
  }

  /** Node's loop waits by itself again. */
  unref(): void {
    if (!this.#closed) this.#libuv.uv_prepare_stop(this.#handle.address);
  }

  /**
   * How long Node would wait, in ms, until its next timer; -1 without an end; 0 where there is
   * something to do, such as an immediate, or a descriptor that is not yet watched.
   */
  timeoutMs(): number {
    return this.#libuv.uv_backend_timeout(this.#loop);
  }

  /** Time has passed: timers that are set from now on count from now. */
  updateTime(): void {
    this.#libuv.uv_update_time(this.#loop);
  }

  /**
   * Runs next ticks and promise jobs, as Node does after each callback of its own.
   *
   * @returns whether it can; otherwise they run once Node's loop goes on
   */
  runTicks(): boolean {
    this.#runTicks?.call(process);
    return this.#runTicks !== null;
  }

  /** Stops the callbacks at once. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.unref();
    this.#closed = true;
    isTaken = false;
    this.#handle.close();
  }
}
