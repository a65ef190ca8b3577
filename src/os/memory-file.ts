/**
 * A file in memory (memfd_create(2)) that another process of this user has open, reached by its
 * descriptor there (proc(5)). Knows nothing of what is in it.
 */
import { closeSync, ftruncateSync, fstatSync, openSync, readlinkSync, readSync } from "node:fs";

export class MemoryFile {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * @param name with which the process has made it: a number of a process or a descriptor may be
   *   another's by now
   * @throws {Error} with `code`, such as ENOENT (no such process or descriptor) or EACCES; ENXIO
   *   where it is another file
   */
  static open(pid: number, descriptor: number, name: string): MemoryFile {
    const fd = openSync(`/proc/${pid}/fd/${descriptor}`, "r+");
    if (readlinkSync(`/proc/self/fd/${fd}`) === `/memfd:${name} (deleted)`) {
      return new MemoryFile(fd);
    }
    closeSync(fd);
    throw Object.assign(new Error("it is another file"), { code: "ENXIO" });
  }

  get lengthBytes(): number {
    return fstatSync(this.#fd).size;
  }

  empty(): void {
    ftruncateSync(this.#fd, 0);
  }

  /** Its beginning, at most so many bytes of it. */
  read(lengthMaxBytes: number): Buffer {
    const bytes = Buffer.alloc(Math.min(this.lengthBytes, lengthMaxBytes));
    return bytes.subarray(0, readSync(this.#fd, bytes, 0, bytes.length, 0));
  }

  close(): void {
    closeSync(this.#fd);
  }
}
