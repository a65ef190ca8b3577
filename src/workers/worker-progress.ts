/**
 * Which of its requests a worker is at: it writes that one's slot to a file in memory
 * (docs/worker-protocol.md, Progress), which is opened when somebody asks for the first time, and
 * stays open, so that it can be read when the worker has died as well.
 */
import { MemoryFile } from "../os/memory-file.ts";

export interface Progress {
  /**
   * The slot of the request that the worker has begun last; no request's, where it has begun none
   * since it answered one. null where that cannot be known.
   */
  slotBegun(): number | null;
  close(): void;
}

/** @param descriptor of the file, in that process */
export type OpenProgress = (pid: number, descriptor: number) => Progress;

/** As python/portico_worker/progress.py names it. */
const FILE_NAME = "portico-progress";
const SLOT_BYTES = 4;

class WorkerProgress implements Progress {
  readonly #pid: number;
  readonly #descriptor: number;
  #file: MemoryFile | null = null;

  constructor(pid: number, descriptor: number) {
    this.#pid = pid;
    this.#descriptor = descriptor;
  }

  slotBegun(): number | null {
    try {
      this.#file ??= MemoryFile.open(this.#pid, this.#descriptor, FILE_NAME);
      const bytes = this.#file.read(SLOT_BYTES);
      return bytes.length < SLOT_BYTES ? null : bytes.readUInt32LE(0);
    } catch {
      // The worker may be gone, or its application has put something else in the file's place.
      return null;
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }
}

export function openProgress(pid: number, descriptor: number): Progress {
  return new WorkerProgress(pid, descriptor);
}
