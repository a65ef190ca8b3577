/**
 * Keeps the rest of an answer in a file, in order, until its client takes it: so that the worker
 * which made it is free.
 *
 * What is appended is written behind what is there, and read from the beginning, both without
 * blocking the event loop. Where the file cannot be written (a full disk), what waits stays in
 * memory: nothing is lost, and the owner has to stop its source.
 */
import { close, read } from "node:fs";
import { FileAppender, type FileAppenderOwner } from "./file-appender.ts";
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

export class AnswerSpool implements FileAppenderOwner {
  readonly #owner: AnswerSpoolOwner;
  readonly #descriptor: number;
  readonly #appender: FileAppender;
  /** Where what is read comes to; its content is valid until the next read. */
  #piece: Buffer | null = null;
  #readBytes = 0;
  #reading = false;
  #wanted = false;
  #failed = false;
  #released = false;
  #appenderReleased = false;

  /** @throws {Error} the file cannot be made */
  constructor(folder: string, owner: AnswerSpoolOwner) {
    this.#owner = owner;
    this.#descriptor = openNamelessFile(folder);
    this.#appender = new FileAppender(this.#descriptor, this);
  }

  /** Bytes ever written to the file. */
  get fileBytes(): number {
    return this.#appender.writtenBytes;
  }

  /** Bytes appended that are not in the file. */
  get pendingBytes(): number {
    return this.#appender.pendingBytes;
  }

  /** Bytes that have not been taken. */
  get lengthBytes(): number {
    return this.fileBytes - this.#readBytes + this.pendingBytes;
  }

  /** Copies `bytes[start..end)`. */
  append(bytes: Uint8Array, start: number, end: number): void {
    this.#appender.append(bytes, start, end);
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
    this.#released = true;
    this.#appender.release(() => {
      this.#appenderReleased = true;
      this.#closeOnceIdle();
    });
  }

  /** Called by the appender. */
  onAppended(): void {
    this.#readNext();
    this.#owner.onSpoolWritten();
  }

  /** Called by the appender. */
  onAppendFailed(error: Error): void {
    this.#failed = true;
    this.#owner.onSpoolFailed(error, false);
    this.#readNext();
  }

  #readNext(): void {
    if (!this.#wanted || this.#reading) return;
    const length = Math.min(PIECE_BYTES, this.fileBytes - this.#readBytes);
    if (length === 0) {
      if (this.#failed && this.pendingBytes > 0) setImmediate(() => this.#handOverMemory());
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

  #handOverMemory(): void {
    if (this.#released || !this.#wanted) return;
    const bytes = this.#appender.takeBack();
    if (bytes === null) return;
    this.#wanted = false;
    this.#owner.onSpooled(bytes);
  }

  #closeOnceIdle(): void {
    if (this.#appenderReleased && !this.#reading) close(this.#descriptor, () => {});
  }
}
