/**
 * Writes what is appended to the end of a file, in order, without blocking the event loop; what is
 * not written yet stays in memory.
 *
 * How much that is, is for the owner to bound. The descriptor is the owner's as well: it is in use
 * until `release` says that it is not.
 */
import { writev } from "node:fs";
import { BlockList } from "../base/block-list.ts";
import { blockPool } from "../base/block-pool.ts";

export interface FileAppenderOwner {
  /** Less waits to be written than before; perhaps nothing. */
  onAppended(): void;
  /** The file takes nothing more: once. What was not written is still here. */
  onAppendFailed(error: Error): void;
}

/** Written by one system call. */
const BLOCKS_PER_WRITE_MAX = 16;

export class FileAppender {
  /** Bytes that are in the file. */
  writtenBytes = 0;
  readonly #descriptor: number;
  readonly #owner: FileAppenderOwner;
  /** Appended, and not in the file. */
  readonly #pending = new BlockList(blockPool);
  #writing = false;
  #failed = false;
  /** What is to be called once no write is under way; null before the release. */
  #onReleased: (() => void) | null = null;

  /** @param descriptor of an empty file */
  constructor(descriptor: number, owner: FileAppenderOwner) {
    this.#descriptor = descriptor;
    this.#owner = owner;
  }

  /** Bytes appended that are not in the file. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** Copies `bytes[start..end)`. Ignored after the release. */
  append(bytes: Uint8Array, start: number, end: number): void {
    if (this.#onReleased !== null) return;
    this.#pending.append(bytes, start, end);
    this.#writeNext();
  }

  /**
   * Takes back the first bytes that the file did not take, after it has failed.
   *
   * @returns a copy; null where there is nothing
   */
  takeBack(): Buffer | null {
    const [first] = this.#failed ? this.#pending.first(1) : [];
    if (first === undefined) return null;
    const bytes = Buffer.from(first);
    this.#pending.drop(bytes.length);
    return bytes;
  }

  /**
   * Drops what is not written. Idempotent; the owner hears of nothing afterwards.
   *
   * @param onReleased called once the descriptor is not used any more, perhaps at once
   */
  release(onReleased: () => void): void {
    if (this.#onReleased !== null) return;
    this.#onReleased = onReleased;
    if (!this.#writing) this.#end(onReleased);
  }

  #writeNext(): void {
    if (this.#writing || this.#failed || this.#pending.length === 0) return;
    this.#writing = true;
    const blocks = this.#pending.first(BLOCKS_PER_WRITE_MAX);
    writev(this.#descriptor, blocks, this.writtenBytes, (error, count) => {
      this.#writing = false;
      if (this.#onReleased !== null) this.#end(this.#onReleased);
      else if (error !== null) this.#fail(error);
      else this.#onWritten(count);
    });
  }

  #onWritten(count: number): void {
    this.writtenBytes += count;
    this.#pending.drop(count);
    this.#writeNext();
    this.#owner.onAppended();
  }

  #fail(error: Error): void {
    this.#failed = true;
    this.#owner.onAppendFailed(error);
  }

  #end(onReleased: () => void): void {
    this.#pending.clear();
    onReleased();
  }
}
