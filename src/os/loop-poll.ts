/**
 * A descriptor on Node's own event loop: libuv calls back whenever it is readable.
 *
 * Node's own API offers no such thing for a descriptor that is no socket, pipe or terminal; an
 * epoll descriptor is none of them.
 */
import { systemCallError } from "./errno.ts";
import type { Libuv } from "./libc.ts";
import { LoopHandle } from "./loop-handle.ts";

const UV_READABLE = 1;

export class LoopPoll {
  readonly #libuv: Libuv;
  readonly #handle: LoopHandle;
  #closed = false;

  /**
   * @param onReadable called from the loop as long as `fd` is readable; it must not throw, since C
   *   code stands below
   * @throws {SystemCallError} what libuv says, with its negative errno made positive
   */
  constructor(libuv: Libuv, fd: number, onReadable: () => void) {
    this.#libuv = libuv;
    this.#handle = new LoopHandle(libuv, "poll", onReadable);
    const { address, callback } = this.#handle;
    const status = libuv.uv_poll_init(libuv.uv_default_loop(), address, fd);
    if (status < 0) {
      this.#handle.discard();
      throw systemCallError(-status, "uv_poll_init", "hosting the event queue on Node's loop");
    }
    const started = libuv.uv_poll_start(address, UV_READABLE, callback);
    if (started < 0) {
      this.close();
      throw systemCallError(-started, "uv_poll_start", "hosting the event queue on Node's loop");
    }
  }

  /** Keeps the process alive, as a handle does from the start. */
  ref(): void {
    if (!this.#closed) this.#libuv.uv_ref(this.#handle.address);
  }

  /** Lets the process end although this is open. */
  unref(): void {
    if (!this.#closed) this.#libuv.uv_unref(this.#handle.address);
  }

  /** Stops the callbacks at once; the descriptor may be closed when this returns. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libuv.uv_poll_stop(this.#handle.address);
    this.#handle.close();
  }
}
