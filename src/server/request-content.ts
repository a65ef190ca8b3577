/**
 * Collects the content of one request until it is complete: in memory up to a bound, beyond it in a
 * temporary file.
 *
 * The file has no name, so that nothing is left behind however the gateway ends, unless the workers
 * can only be given a name. Writing never blocks the event loop; how much waits to be written is
 * for the owner to bound by not reading.
 */
import { randomBytes } from "node:crypto";
import { close, openSync, unlinkSync, writev } from "node:fs";
import path from "node:path";
import { BlockList } from "../base/block-list.ts";
import { blockPool } from "../base/block-pool.ts";
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

/** Written by one system call. */
const BLOCKS_PER_WRITE_MAX = 16;

/**
 * Where contents that stay in memory lie. Used again for the next content of the same connection,
 * which comes when the one before has been answered.
 */
export class ContentMemory {
  #bytes: Buffer = Buffer.alloc(0);

  /** Makes room for `length` bytes; the first `kept` stay. */
  reserve(length: number, kept: number, lengthMax: number): Buffer {
    if (this.#bytes.length < length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(2 * length, Math.max(length, lengthMax)));
      this.#bytes.copy(grown, 0, 0, kept);
      this.#bytes = grown;
    }
    return this.#bytes;
  }

  view(length: number): Buffer {
    return this.#bytes.subarray(0, length);
  }
}

export class RequestContent {
  lengthBytes = 0;
  readonly #settings: SpoolSettings;
  readonly #owner: RequestContentOwner;
  readonly #memory: ContentMemory;
  /** What is to be written to the file and is not in it yet. */
  readonly #pending = new BlockList(blockPool);
  #descriptor: number | null = null;
  #path: string | null = null;
  #writtenBytes = 0;
  #writing = false;
  #released = false;

  constructor(settings: SpoolSettings, owner: RequestContentOwner, memory: ContentMemory) {
    this.#settings = settings;
    this.#owner = owner;
    this.#memory = memory;
  }

  /** Bytes received that are not in the file yet. Always 0 while the content is in memory. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** Copies `bytes[start..end)`. */
  append(bytes: Buffer, start: number, end: number): void {
    if (this.#released) return;
    const { inlineMaxBytes } = this.#settings;
    const before = this.lengthBytes;
    this.lengthBytes += end - start;
    if (this.#descriptor === null && this.lengthBytes <= inlineMaxBytes) {
      const memory = this.#memory.reserve(this.lengthBytes, before, inlineMaxBytes);
      bytes.copy(memory, before, start, end);
      return;
    }
    if (this.#descriptor === null) {
      if (!this.#open()) return;
      this.#pending.append(this.#memory.view(before), 0, before);
    }
    this.#pending.append(bytes, start, end);
    this.#writeNext();
  }

  /**
   * The whole content, once it is complete and `pendingBytes` is 0. Valid until the next content of
   * the same memory begins.
   */
  take(): Buffer | SpooledContent | null {
    if (this.#descriptor !== null) {
      return { descriptor: this.#descriptor, path: this.#path, lengthBytes: this.lengthBytes };
    }
    return this.lengthBytes === 0 ? null : this.#memory.view(this.lengthBytes);
  }

  /** Gives the file back. Idempotent. */
  release(): void {
    this.#released = true;
    if (!this.#writing) this.#end();
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
    if (this.#writing || this.#descriptor === null || this.#pending.length === 0) return;
    this.#writing = true;
    const blocks = this.#pending.first(BLOCKS_PER_WRITE_MAX);
    writev(this.#descriptor, blocks, this.#writtenBytes, (error, count) => {
      this.#writing = false;
      if (this.#released) this.#end();
      else if (error !== null) this.#fail(error);
      else this.#onWritten(count);
    });
  }

  #onWritten(count: number): void {
    this.#writtenBytes += count;
    this.#pending.drop(count);
    if (this.#pending.length > 0) this.#writeNext();
    else this.#owner.onContentWritten();
  }

  #fail(error: Error): void {
    this.release();
    this.#owner.onContentFailed(error);
  }

  #end(): void {
    this.#pending.clear();
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
