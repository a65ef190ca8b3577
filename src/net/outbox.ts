/**
 * What streams have to send at the end of a turn, in one place: small writes are gathered here, and
 * leave one after the other when everything else in the turn is done.
 *
 * Two things are gained. The code of the kernel's send and our own evict each other from the CPU's
 * caches, so that a send after each answer makes both slow. And clients that are answered together
 * ask again together: the next batch for the worker is larger, and costs fewer wake-ups.
 */

import { invariant } from "../base/errors.ts";

/** Who sends what was gathered. */
export interface Sender {
  /**
   * Sends `memory[start..end)`, or keeps what is left of it. Must not throw, nor have anything
   * gathered.
   */
  sendGathered(memory: Buffer, start: number, end: number): void;
}

/** A longer write costs more to copy than it gains. */
export const GATHERED_WRITE_MAX_BYTES = 16_384;
/** Memory; what does not fit makes everything leave before. */
const CAPACITY_BYTES = 262_144;
/** Writes of different streams; the same. */
const ENTRIES_MAX = 1_024;

export class Outbox {
  /** Of the memory that is handed to senders. */
  readonly address: number;
  readonly #atTurnEnd: (task: () => void) => void;
  readonly #memory: Buffer;
  readonly #senders: (Sender | null)[] = Array.from({ length: ENTRIES_MAX }, () => null);
  readonly #ends = new Int32Array(ENTRIES_MAX);
  #count = 0;
  #length = 0;
  #isSending = false;

  /** @param addressOf of memory that does not move */
  constructor(atTurnEnd: (task: () => void) => void, addressOf: (memory: Buffer) => bigint) {
    this.#atTurnEnd = atTurnEnd;
    this.#memory = Buffer.allocUnsafeSlow(CAPACITY_BYTES);
    // Addresses of user space are below 2^57 on any machine, and below 2^47 unless asked for.
    this.address = Number(addressOf(this.#memory));
  }

  /** Copies `bytes[start..end)`, which are at most {@link GATHERED_WRITE_MAX_BYTES}. */
  add(sender: Sender, bytes: Uint8Array, start: number, end: number): void {
    invariant(!this.#isSending, "a sender that is told to send has nothing to add");
    const isFull = this.#length + end - start > CAPACITY_BYTES || this.#count === ENTRIES_MAX;
    if (isFull) this.flush();
    if (this.#count === 0) this.#atTurnEnd(this.flush);
    this.#copy(bytes, start, end);
    const last = this.#count - 1;
    if (last >= 0 && this.#senders[last] === sender) {
      this.#ends[last] = this.#length;
    } else {
      this.#senders[this.#count] = sender;
      this.#ends[this.#count++] = this.#length;
    }
  }

  /** Has everything sent, now. Does nothing where there is nothing. */
  readonly flush = (): void => {
    if (this.#isSending) return;
    this.#isSending = true;
    const count = this.#count;
    let start = 0;
    for (let index = 0; index < count; index++) {
      const sender = this.#senders[index];
      const end = this.#ends[index] as number;
      this.#senders[index] = null;
      sender?.sendGathered(this.#memory, start, end);
      start = end;
    }
    this.#count = 0;
    this.#length = 0;
    this.#isSending = false;
  };

  #copy(bytes: Uint8Array, start: number, end: number): void {
    const memory = this.#memory;
    const at = this.#length;
    this.#length += end - start;
    if (Buffer.isBuffer(bytes)) bytes.copy(memory, at, start, end);
    else memory.set(bytes.subarray(start, end), at);
  }
}
