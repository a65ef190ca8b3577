/**
 * Keeps the rest of an answer in a file, in order, until its client takes it: so that the worker
 * which made it is free.
 *
 * What is appended is written behind what is there, and read from the beginning, both without
 * blocking the event loop. Where the file cannot be written (a full disk), what waits stays in
 * memory: nothing is lost, and the owner has to stop its source.
 */
import { close, read, write } from "node:fs";
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

export class AnswerSpool {
  /** Bytes appended that are not in the file. */
  pendingBytes = 0;
  /** Bytes ever written to the file. */
  fileBytes = 0;
  readonly #owner: AnswerSpoolOwner;
  readonly #descriptor: number;
  #pieces: Buffer[] = [];
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

  /** Bytes that have not been taken. */
  get lengthBytes(): number {
    return this.fileBytes - this.#readBytes + this.pendingBytes;
  }

  /** Copies `bytes[start..end)`. */
  append(bytes: Uint8Array, start: number, end: number): void {
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
    this.pendingBytes += end - start;
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
    this.#pieces = [];
    this.#closeOnceIdle();
  }

  #writeNext(): void {
    if (this.#writing || this.#failed || this.#pieces.length === 0) return;
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [bytes];
    this.#writing = true;
    write(this.#descriptor, bytes, 0, bytes.length, this.fileBytes, (error, count) => {
      this.#writing = false;
      if (this.#released) this.#closeOnceIdle();
      else if (error !== null) this.#fail(error);
      else this.#onWritten(bytes, count);
    });
  }

  #onWritten(bytes: Buffer, count: number): void {
    this.fileBytes += count;
    this.pendingBytes -= count;
    this.#pieces.shift();
    if (count < bytes.length) this.#pieces.unshift(bytes.subarray(count));
    this.#writeNext();
    this.#readNext();
    this.#owner.onSpoolWritten();
  }

  #readNext(): void {
    if (!this.#wanted || this.#reading) return;
    const length = Math.min(PIECE_BYTES, this.fileBytes - this.#readBytes);
    if (length === 0) {
      if (this.#failed && this.#pieces.length > 0) setImmediate(() => this.#handOverMemory());
      return;
    }
    this.#reading = true;
    const bytes = Buffer.allocUnsafe(length);
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
    const bytes = this.#pieces.shift();
    if (bytes === undefined) return;
    this.#wanted = false;
    this.pendingBytes -= bytes.length;
    this.#owner.onSpooled(bytes);
  }

  #closeOnceIdle(): void {
    if (!this.#writing && !this.#reading) close(this.#descriptor, () => {});
  }
}
