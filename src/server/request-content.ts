/**
 * Collects the content of one request until it is complete: in memory up to a bound, beyond it in a
 * temporary file.
 *
 * The file has no name, so that nothing is left behind however the gateway ends, unless the workers
 * can only be given a name. Writing never blocks the event loop; how much waits to be written is
 * for the owner to bound by not reading.
 */
import { close, unlinkSync } from "node:fs";
import type { SpooledContent } from "../workers/application-request.ts";
import { FileAppender, type FileAppenderOwner } from "./file-appender.ts";
import { openNamedFile, openNamelessFile } from "./temporary-file.ts";

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

/** A content's file, and what is written to it. */
interface ContentFile {
  readonly descriptor: number;
  /** null where it has lost its name already. */
  readonly path: string | null;
  readonly appender: FileAppender;
}

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

export class RequestContent implements FileAppenderOwner {
  lengthBytes = 0;
  readonly #settings: SpoolSettings;
  readonly #owner: RequestContentOwner;
  readonly #memory: ContentMemory;
  #file: ContentFile | null = null;
  #released = false;

  constructor(settings: SpoolSettings, owner: RequestContentOwner, memory: ContentMemory) {
    this.#settings = settings;
    this.#owner = owner;
    this.#memory = memory;
  }

  /** Bytes received that are not in the file yet. Always 0 while the content is in memory. */
  get pendingBytes(): number {
    return this.#file === null ? 0 : this.#file.appender.pendingBytes;
  }

  /** Copies `bytes[start..end)`. */
  append(bytes: Buffer, start: number, end: number): void {
    if (this.#released) return;
    const { inlineMaxBytes } = this.#settings;
    const before = this.lengthBytes;
    this.lengthBytes += end - start;
    if (this.#file === null && this.lengthBytes <= inlineMaxBytes) {
      const memory = this.#memory.reserve(this.lengthBytes, before, inlineMaxBytes);
      bytes.copy(memory, before, start, end);
      return;
    }
    if (this.#file === null) {
      this.#file = this.#open();
      this.#file?.appender.append(this.#memory.view(before), 0, before);
    }
    this.#file?.appender.append(bytes, start, end);
  }

  /**
   * The whole content, once it is complete and `pendingBytes` is 0. Valid until the next content of
   * the same memory begins.
   */
  take(): Buffer | SpooledContent | null {
    if (this.#file !== null) {
      const { descriptor, path } = this.#file;
      return { descriptor, path, lengthBytes: this.lengthBytes };
    }
    return this.lengthBytes === 0 ? null : this.#memory.view(this.lengthBytes);
  }

  /** Gives the file back. Idempotent. */
  release(): void {
    this.#released = true;
    const file = this.#file;
    file?.appender.release(() => removeFile(file));
  }

  /** Called by the appender. */
  onAppended(): void {
    if (this.pendingBytes === 0) this.#owner.onContentWritten();
  }

  /** Called by the appender. */
  onAppendFailed(error: Error): void {
    this.release();
    this.#owner.onContentFailed(error);
  }

  #open(): ContentFile | null {
    const namedFileFolder = this.#settings.namedFileFolder();
    try {
      const file =
        namedFileFolder === null
          ? { descriptor: openNamelessFile(this.#settings.folder), path: null }
          : openNamedFile(namedFileFolder);
      return { ...file, appender: new FileAppender(file.descriptor, this) };
    } catch (error) {
      this.onAppendFailed(error instanceof Error ? error : new Error(String(error)));
      return null;
    }
  }
}

function removeFile({ descriptor, path }: ContentFile): void {
  close(descriptor, () => {});
  if (path === null) return;
  try {
    unlinkSync(path);
  } catch {
    // The worker removed the name when it opened the file.
  }
}
