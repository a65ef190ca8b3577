/**
 * Keeps the rest of an answer in a file, in order, until its client takes it: so that the worker
 * which made it is free.
 *
 * What is appended is written behind what is there, and read from the beginning, both without
 * blocking the event loop. Where the file cannot be written (a full disk), what waits stays in
 * memory: nothing is lost, and the owner has to stop its source.
 */
import { close, read, writev } from "node:fs";
import { BlockList } from "../base/block-list.ts";
import { blockPool } from "../base/block-pool.ts";
import { openNamelessFile } from "./temporary-file.ts";

export interface AnswerSpoolOwner {
  /** What `take` asked for; valid during the call. */
  onSpooled(bytes: Buffer): void;
  /** The file cannot be written or read any more. `lost`: what was written is gone as well. */
  onSpoolFailed(error: Error, lost: boolean): void;
  /** Less waits to be written than before. */
  onSpoolWritten(): void;
}

/** Read at once, and so kept in memory for the client at most, beside the stream's own queue. */
const PIECE_BYTES = 262_144;
/** Written by one system call. */
const BLOCKS_PER_WRITE_MAX = 16;

export class AnswerSpool {
  /** Bytes ever written to the file. */
  fileBytes = 0;
  readonly #owner: AnswerSpoolOwner;
  readonly #descriptor: number;
  /** Appended, and not in the file. */
  readonly #pending = new BlockList(blockPool);
  /** Where what is read comes to; its content is valid until the next read. */
  #piece: Buffer | null = null;
  #readBytes = 0;
  #writing = false;
  #reading = false;
  #wanted = false;
  #failed = false;
  #released = false;

  /** @throws {Error} the file cannot be made */
  constructor(folder: string, owner: AnswerSpoolOwner) {
    this.#owner = owner;
    this.#descriptor = openNamelessFile(folder);
  }

  /** Bytes appended that are not in the file. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** Bytes that have not been taken. */
  get lengthBytes(): number {
    return this.fileBytes - this.#readBytes + this.pendingBytes;
  }

  /** Copies `bytes[start..end)`. */
  append(bytes: Uint8Array, start: number, end: number): void {
    this.#pending.append(bytes, start, end);
    this.#writeNext();
  }

  /**
   * Has the next piece handed to the owner, in a later turn; once, however often it is called
   * meanwhile. Nothing happens while nothing is there.
   */
  take(): void {
    this.#wanted = true;
    this.#readNext();
  }

  /** Gives the file back. Idempotent; the owner hears of nothing afterwards. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#closeOnceIdle();
  }

  #writeNext(): void {
    if (this.#writing || this.#failed || this.#pending.length === 0) return;
    this.#writing = true;
    const blocks = this.#pending.first(BLOCKS_PER_WRITE_MAX);
    writev(this.#descriptor, blocks, this.fileBytes, (error, count) => {
      this.#writing = false;
      if (this.#released) this.#closeOnceIdle();
      else if (error !== null) this.#fail(error);
      else this.#onWritten(count);
    });
  }

  #onWritten(count: number): void {
    this.fileBytes += count;
    this.#pending.drop(count);
    this.#writeNext();
    this.#readNext();
    this.#owner.onSpoolWritten();
  }

  #readNext(): void {
    if (!this.#wanted || this.#reading) return;
    const length = Math.min(PIECE_BYTES, this.fileBytes - this.#readBytes);
    if (length === 0) {
      if (this.#failed && this.#pending.length > 0) setImmediate(() => this.#handOverMemory());
      return;
    }
    this.#reading = true;
    const bytes = (this.#piece ??= Buffer.allocUnsafeSlow(PIECE_BYTES));
    read(this.#descriptor, bytes, 0, length, this.#readBytes, (error, count) => {
      this.#reading = false;
      if (this.#released) this.#closeOnceIdle();
      else if (error !== null || count === 0) {
        this.#owner.onSpoolFailed(error ?? new Error("the file has become shorter"), true);
      } else {
        this.#readBytes += count;
        this.#wanted = false;
        this.#owner.onSpooled(bytes.subarray(0, count));
      }
    });
  }

  #fail(error: Error): void {
    this.#failed = true;
    this.#owner.onSpoolFailed(error, false);
    this.#readNext();
  }

  #handOverMemory(): void {
    if (this.#released || !this.#wanted) return;
    const [first] = this.#pending.first(1);
    if (first === undefined) return;
    // A copy: once it is dropped, the block is anybody's.
    const bytes = Buffer.from(first);
    this.#wanted = false;
    this.#pending.drop(bytes.length);
    this.#owner.onSpooled(bytes);
  }

  #closeOnceIdle(): void {
    if (this.#writing || this.#reading) return;
    this.#pending.clear();
    close(this.#descriptor, () => {});
  }
}
