/**
 * Bytes that the kernel did not take yet, copied, in order; some have descriptors attached to their
 * first byte.
 *
 * Knows no socket: whoever sends asks for the first piece and says how much of it went. Descriptors
 * given to the queue are the queue's own, and closed by it.
 */
import { invariant } from "../base/errors.ts";

/** What is sent by one system call. */
export interface SendPiece {
  readonly bytes: Buffer;
  /** Attached to the first byte; null for none. */
  readonly descriptors: readonly number[] | null;
}

interface Chunk {
  readonly memory: Buffer;
  readonly descriptors: readonly number[] | null;
  start: number;
  end: number;
}

/** Small writes share a chunk of at least this size, and so a system call. */
const CHUNK_BYTES_MIN = 16_384;

export class SendQueue {
  readonly #closeDescriptor: (fd: number) => void;
  readonly #chunks: Chunk[] = [];
  #length = 0;

  constructor(closeDescriptor: (fd: number) => void) {
    this.#closeDescriptor = closeDescriptor;
  }

  /** Bytes in the queue. */
  get length(): number {
    return this.#length;
  }

  /** Copies `bytes[start..end)` to the end of the queue. */
  append(bytes: Uint8Array, start: number, end: number): void {
    let from = start;
    const last = this.#chunks.at(-1);
    if (last !== undefined) {
      const fitting = Math.min(end - from, last.memory.length - last.end);
      last.memory.set(bytes.subarray(from, from + fitting), last.end);
      last.end += fitting;
      from += fitting;
    }
    if (from < end) {
      const memory = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES_MIN, end - from));
      memory.set(bytes.subarray(from, end));
      this.#chunks.push({ memory, descriptors: null, start: 0, end: end - from });
    }
    this.#length += end - start;
  }

  /** Copies the bytes, and takes the descriptors over. */
  appendWithDescriptors(bytes: Uint8Array, descriptors: readonly number[]): void {
    const memory = Buffer.from(bytes);
    this.#chunks.push({ memory, descriptors, start: 0, end: memory.length });
    this.#length += memory.length;
  }

  /** What to send next; null when the queue is empty. */
  first(): SendPiece | null {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return null;
    const untouched = chunk.start === 0;
    return {
      bytes: chunk.memory.subarray(chunk.start, chunk.end),
      descriptors: untouched ? chunk.descriptors : null,
    };
  }

  /** `count` bytes of the first piece are sent, and its descriptors with them. */
  sent(count: number): void {
    const chunk = this.#chunks[0];
    invariant(chunk !== undefined && count <= chunk.end - chunk.start, "what was sent was queued");
    if (count === 0) return;
    if (chunk.start === 0) chunk.descriptors?.forEach(this.#closeDescriptor);
    chunk.start += count;
    this.#length -= count;
    if (chunk.start === chunk.end) this.#chunks.shift();
  }

  /** Drops everything. */
  clear(): void {
    for (const chunk of this.#chunks) {
      if (chunk.start === 0) chunk.descriptors?.forEach(this.#closeDescriptor);
    }
    this.#chunks.length = 0;
    this.#length = 0;
  }
}
