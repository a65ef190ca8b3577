/**
 * Memory that libuv keeps: a handle and the C callback it calls, both outside of V8's heap, since
 * libuv has their addresses.
 *
 * Owns when they are given back. Knows no kind of handle.
 */
import type { HandleKind, Libuv } from "./libc.ts";

export class LoopHandle {
  readonly address: bigint;
  readonly callback: bigint;
  readonly #libuv: Libuv;

  /** @param onCall called from the loop; it must not throw, since C code stands below */
  constructor(libuv: Libuv, kind: HandleKind, onCall: () => void) {
    this.#libuv = libuv;
    this.address = libuv.allocateHandle(kind);
    this.callback = libuv.register(kind, onCall);
  }

  /** Where libuv never got to know of it. */
  discard(): void {
    this.#libuv.unregister(this.callback);
    this.#libuv.free(this.address);
  }

  /** It was stopped, so that there are no more calls. */
  close(): void {
    this.#libuv.uv_close(this.address, null);
    // libuv uses the handle until its closing phase, which comes after the phase of immediates: by
    // the second immediate it is over, and so is a callback inside which this was called.
    setImmediate(() => setImmediate(() => this.discard()));
  }
}
