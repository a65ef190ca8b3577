/**
 * Collects the content of one request until it is complete: in memory up to a bound, beyond it in a
 * temporary file.
 *
 * The file has no name, so that nothing is left behind however the gateway ends, unless the workers
 * can only be given a name. Writing never blocks the event loop; how much waits to be written is
 * for the owner to bound by not reading.
 */
import { randomBytes } from "node:crypto";
import { close, openSync, unlinkSync, write } from "node:fs";
import path from "node:path";
import type { SpooledContent } from "../workers/application-request.ts";

export interface SpoolSettings {
  /** Contents up to this size stay in memory and travel inline. */
  readonly inlineMaxBytes: number;
  /** Where the file is made; it loses its name at once. */
  readonly folder: string;
  /**
   * Where it is made instead, and keeps its name until `release`; null where files need no name.
   */
  readonly namedFileFolder: () => string | null;
}

export interface RequestContentOwner {
  /** What was received has been written; `pendingBytes` is 0. */
  onContentWritten(): void;
  /** The file cannot be written, because the disk is full for example. The content is lost. */
  onContentFailed(error: Error): void;
}

export class RequestContent {
  lengthBytes = 0;
  /** Bytes received that are not in the file yet. Always 0 while the content is in memory. */
  pendingBytes = 0;
  readonly #settings: SpoolSettings;
  readonly #owner: RequestContentOwner;
  #pieces: Buffer[] = [];
  #descriptor: number | null = null;
  #path: string | null = null;
  #writtenBytes = 0;
  #writing = false;
  #released = false;

  constructor(settings: SpoolSettings, owner: RequestContentOwner) {
    this.#settings = settings;
    this.#owner = owner;
  }

  /** Copies `bytes[start..end)`. */
  append(bytes: Buffer, start: number, end: number): void {
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
    this.lengthBytes += end - start;
    if (this.#descriptor === null) {
      if (this.lengthBytes <= this.#settings.inlineMaxBytes) return;
      if (!this.#open()) return;
      this.pendingBytes = this.lengthBytes;
    } else {
      this.pendingBytes += end - start;
    }
    this.#writeNext();
  }

  /** The whole content, once it is complete and `pendingBytes` is 0. */
  take(): Buffer | SpooledContent | null {
    if (this.#descriptor !== null) {
      return { descriptor: this.#descriptor, path: this.#path, lengthBytes: this.lengthBytes };
    }
    if (this.#pieces.length === 0) return null;
    return this.#pieces.length === 1 ? (this.#pieces[0] ?? null) : Buffer.concat(this.#pieces);
  }

  /** Gives the memory or the file back. Idempotent. */
  release(): void {
    this.#released = true;
    this.#pieces = [];
    if (!this.#writing) this.#closeFile();
  }

  #open(): boolean {
    const namedFileFolder = this.#settings.namedFileFolder();
    const folder = namedFileFolder ?? this.#settings.folder;
    const name = path.join(folder, `portico-body-${randomBytes(12).toString("hex")}`);
    try {
      this.#descriptor = openSync(name, "wx+", 0o600);
      if (namedFileFolder !== null) this.#path = name;
      else unlinkSync(name);
      return true;
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  #writeNext(): void {
    if (this.#writing || this.#descriptor === null || this.#pieces.length === 0) return;
    const bytes = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    if (bytes === undefined) return;
    this.#pieces = [];
    this.#writing = true;
    write(this.#descriptor, bytes, 0, bytes.length, this.#writtenBytes, (error, count) => {
      this.#writing = false;
      if (this.#released) this.#closeFile();
      else if (error !== null) this.#fail(error);
      else this.#onWritten(bytes, count);
    });
  }

  #onWritten(bytes: Buffer, count: number): void {
    this.#writtenBytes += count;
    this.pendingBytes -= count;
    if (count < bytes.length) this.#pieces.unshift(bytes.subarray(count));
    if (this.#pieces.length > 0) this.#writeNext();
    else this.#owner.onContentWritten();
  }

  #fail(error: Error): void {
    this.release();
    this.#owner.onContentFailed(error);
  }

  #closeFile(): void {
    if (this.#descriptor === null) return;
    close(this.#descriptor, () => {});
    this.#descriptor = null;
    if (this.#path === null) return;
    try {
      unlinkSync(this.#path);
    } catch {
      // The worker removed the name when it opened the file.
    }
  }
}
