/**
 * Which of its requests a worker is at, and what it would have sent next: it writes both to a file
 * in memory (docs/worker-protocol.md, Progress and Kept answers). That is opened when the worker
 * gets ready, and stays open, so that it can be read behind the worker's end as well.
 */
import { MemoryFile } from "../os/memory-file.ts";

export interface Progress {
  /**
   * The slot of the request that the worker has begun last; no request's, where it has begun none
   * since it answered one. null where that cannot be known.
   */
  slotBegun(): number | null;
  /**
   * What follows, in the stream of all that the worker sends, behind so many bytes. Empty where it
   * has kept nothing, or just changes it; null where that cannot be known.
   */
  keptBehind(sentBytes: number): Buffer | null;
  close(): void;
}

/** @param descriptor of the file, in that process */
export type OpenProgress = (pid: number, descriptor: number) => Progress;

/** As python/portico_worker/progress.py names it, and lays it out. */
const FILE_NAME = "portico-progress";
const FILE_BYTES = 65_536;
const OFFSET = { slot: 0, isAsked: 4, begin: 8, size: 16, kept: 24 } as const;
const SLOT_BYTES = 4;
const NOTHING = Buffer.alloc(0);

class WorkerProgress implements Progress {
  #file: MemoryFile | null = null;
  /** Until the worker has been asked it keeps nothing, since nobody would look. */
  #isAsked = false;

  constructor(pid: number, descriptor: number) {
    try {
      this.#file = MemoryFile.open(pid, descriptor, FILE_NAME);
      if (this.#file.lengthBytes === FILE_BYTES) {
        this.#isAsked = true;
        this.#file.write(Buffer.from([1]), OFFSET.isAsked);
      } else {
        this.close();
      }
    } catch {
      // The worker may be gone, or its application has put something else in the file's place.
    }
  }

  slotBegun(): number | null {
    return this.#read(SLOT_BYTES)?.readUInt32LE(OFFSET.slot) ?? null;
  }

  keptBehind(sentBytes: number): Buffer | null {
    if (!this.#isAsked) return NOTHING;
    const head = this.#read(OFFSET.kept);
    if (head === null) return null;
    const size = Number(head.readBigUInt64LE(OFFSET.size));
    const known = sentBytes - Number(head.readBigUInt64LE(OFFSET.begin));
    if (size === 0 || known >= size) return NOTHING;
    if (known < 0 || OFFSET.kept + size > FILE_BYTES) return null;
    const bytes = this.#read(OFFSET.kept + size);
    const after = this.#read(OFFSET.kept);
    if (bytes === null || after === null) return null;
    // It begins anew by saying so, before it writes over anything.
    const isSame = after.subarray(OFFSET.begin).equals(head.subarray(OFFSET.begin));
    return isSame ? bytes.subarray(OFFSET.kept + known) : NOTHING;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #read(lengthBytes: number): Buffer | null {
    try {
      const bytes = this.#file?.read(lengthBytes) ?? NOTHING;
      return bytes.length === lengthBytes ? bytes : null;
    } catch {
      return null;
    }
  }
}

export function openProgress(pid: number, descriptor: number): Progress {
  return new WorkerProgress(pid, descriptor);
}
