/**
 * Bytes that the kernel did not take yet, copied, in order; some have descriptors attached to their
 * first byte.
 *
 * Knows no socket: whoever sends asks for the first piece and says how much of it went. Descriptors
 * given to the queue are the queue's own, and closed by it.
 */
import { blockPool } from "../base/block-pool.ts";
import { invariant } from "../base/errors.ts";

/** What is sent by one system call. */
export interface SendPiece {
  readonly bytes: Buffer;
  /** Attached to the first byte; null for none. */
  readonly descriptors: readonly number[] | null;
}

interface Chunk {
  readonly memory: Buffer;
  /** Whether the memory goes back to the pool. */
  readonly isBlock: boolean;
  readonly descriptors: readonly number[] | null;
  start: number;
  end: number;
}

/** Small writes share a chunk of this size, and so a system call; longer ones get blocks. */
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
      this.#appendChunk(bytes, from, end);
    }
    this.#length += end - start;
  }

  #appendChunk(bytes: Uint8Array, start: number, end: number): void {
    for (let from = start; from < end;) {
      const isBlock = end - from > CHUNK_BYTES_MIN;
      const memory = isBlock ? blockPool.take() : Buffer.allocUnsafeSlow(CHUNK_BYTES_MIN);
      const count = Math.min(memory.length, end - from);
      memory.set(bytes.subarray(from, from + count));
      this.#chunks.push({ memory, isBlock, descriptors: null, start: 0, end: count });
      from += count;
    }
  }

  /** Copies the bytes, and takes the descriptors over. */
  appendWithDescriptors(bytes: Uint8Array, descriptors: readonly number[]): void {
    const memory = Buffer.from(bytes);
    this.#chunks.push({ memory, isBlock: false, descriptors, start: 0, end: memory.length });
    this.#length += memory.length;
  }

  /** What to send next, valid until it is sent; null when the queue is empty. */
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
    if (chunk.start < chunk.end) return;
    this.#chunks.shift();
    if (chunk.isBlock) blockPool.give(chunk.memory);
  }

  /** Drops everything. */
  clear(): void {
    for (const chunk of this.#chunks) {
      if (chunk.start === 0) chunk.descriptors?.forEach(this.#closeDescriptor);
      if (chunk.isBlock) blockPool.give(chunk.memory);
    }
    this.#chunks.length = 0;
    this.#length = 0;
  }
}
