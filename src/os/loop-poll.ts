/**
 * A descriptor on Node's own event loop: libuv calls back whenever it is readable.
 *
 * Owns the `uv_poll_t` and the C callback, both outside of V8's heap: libuv keeps their addresses.
 * Node's own API offers no such thing for a descriptor that is no socket, pipe or terminal; an
 * epoll descriptor is none of them.
 */
import { systemCallError } from "./errno.ts";
import type { Libuv } from "./libc.ts";

const UV_READABLE = 1;

export class LoopPoll {
  readonly #libuv: Libuv;
  readonly #handle: bigint;
  readonly #callback: bigint;
  #closed = false;

  /**
   * @param onReadable called from the loop as long as `fd` is readable; it must not throw, since C
   *   code stands below
   * @throws {SystemCallError} what libuv says, with its negative errno made positive
   */
  constructor(libuv: Libuv, fd: number, onReadable: () => void) {
    this.#libuv = libuv;
    this.#handle = libuv.allocateHandle();
    const status = libuv.uv_poll_init(libuv.uv_default_loop(), this.#handle, fd);
    if (status < 0) {
      libuv.free(this.#handle);
      throw systemCallError(-status, "uv_poll_init", "hosting the event queue on Node's loop");
    }
    this.#callback = libuv.register(onReadable);
    const started = libuv.uv_poll_start(this.#handle, UV_READABLE, this.#callback);
    if (started < 0) {
      this.close();
      throw systemCallError(-started, "uv_poll_start", "hosting the event queue on Node's loop");
    }
  }

  /** Keeps the process alive, as a handle does from the start. */
  ref(): void {
    if (!this.#closed) this.#libuv.uv_ref(this.#handle);
  }

  /** Lets the process end although this is open. */
  unref(): void {
    if (!this.#closed) this.#libuv.uv_unref(this.#handle);
  }

  /** Stops the callbacks at once; the descriptor may be closed when this returns. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libuv.uv_poll_stop(this.#handle);
    this.#libuv.uv_close(this.#handle, null);
    // libuv uses the handle until its closing phase, which comes after the phase of immediates: by
    // the second immediate it is over, and so is a callback inside which this was called.
    setImmediate(() =>
      setImmediate(() => {
        this.#libuv.unregister(this.#callback);
        this.#libuv.free(this.#handle);
      }),
    );
  }
}
