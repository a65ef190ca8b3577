/**
 * A file in memory (memfd_create(2)) that another process of this user has open, reached by its
 * descriptor there (proc(5)). Knows nothing of what is in it.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readlinkSync,
  readSync,
  writeSync,
} from "node:fs";

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
    const path = `/proc/${pid}/fd/${descriptor}`;
    // Looked at before as well: to open another file, such as a device, may do something to it.
    requireName(path, name);
    const fd = openSync(path, "r+");
    try {
      requireName(`/proc/self/fd/${fd}`, name);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new MemoryFile(fd);
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

  /** @param offsetBytes where they come, in a file that is at least as long */
  write(bytes: Buffer, offsetBytes: number): void {
    writeSync(this.#fd, bytes, 0, bytes.length, offsetBytes);
  }

  /** Whether its last byte is this one. */
  endsWith(byte: number): boolean {
    const last = Buffer.alloc(1);
    return readSync(this.#fd, last, 0, 1, this.lengthBytes - 1) === 1 && last[0] === byte;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function requireName(path: string, name: string): void {
  if (readlinkSync(path) === `/memfd:${name} (deleted)`) return;
  throw Object.assign(new Error("it is another file"), { code: "ENXIO" });
}
