/**
 * Where the lines of a log go: a file, or standard output, whatever that is. No write makes the
 * event loop wait.
 *
 * Owns how each is opened and written to. Knows nothing of lines, nor of what waits.
 */
import { close, fchownSync, fstatSync, write } from "node:fs";
import { isatty } from "node:tty";
import { LOG_FILE_MODE, openForAppending } from "./error-log.ts";
import { openNonBlocking, type TryWrite, tryWrite, wholeLinesTo } from "./non-blocking-write.ts";

/** How many bytes were written, 0 or more; or the name of the error. */
export type WriteResult = number | string;

const STANDARD_OUTPUT = 1;
const MODE_BITS = 0o777;

export interface LogOutput {
  /** Whether a person may be reading. */
  readonly isTerminal: boolean;
  /** Whether it is a regular file, written to by a thread. */
  readonly isFile: boolean;
  /**
   * Writes what there is room for. One write at a time.
   *
   * @param done called once: before this returns, or in a later turn where a disk is involved
   */
  write(bytes: Buffer, done: (result: WriteResult) => void): void;
  /** The same at once, for when there is no later turn. */
  writeNow(bytes: Buffer): WriteResult;
}

/** A file that was opened for a log, and can be opened anew when it was moved away. */
export class LogFile implements LogOutput {
  readonly isTerminal: boolean;
  readonly #path: string;
  readonly #descriptor: number;
  readonly #output: LogOutput;

  private constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.isTerminal = isatty(descriptor);
    const stat = fstatSync(descriptor);
    if (stat.isFile()) this.#output = new FileOutput(descriptor);
    else if (stat.isFIFO()) this.#output = new StreamOutput(false, wholeLinesTo(descriptor));
    else this.#output = new StreamOutput(false, (bytes) => tryWrite(descriptor, bytes));
  }

  get isFile(): boolean {
    return this.#output.isFile;
  }

  /**
   * Opens it for appending, or makes it.
   *
   * @param path absolute, since it is opened again
   * @throws {Error} with the code of open(2)
   */
  static open(path: string): LogFile {
    return new LogFile(path, openForAppending(path, LOG_FILE_MODE, false));
  }

  /**
   * The file that has its path now; a new one gets this one's mode.
   *
   * @throws {Error} with the code of open(2)
   */
  reopened(): LogFile {
    const mode = fstatSync(this.#descriptor).mode & MODE_BITS;
    return new LogFile(this.#path, openForAppending(this.#path, mode, true));
  }

  write(bytes: Buffer, done: (result: WriteResult) => void): void {
    this.#output.write(bytes, done);
  }

  writeNow(bytes: Buffer): WriteResult {
    return this.#output.writeNow(bytes);
  }

  /** To the user whom the program becomes, so that it can be opened again; only a file. */
  giveTo(uid: number, gid: number): void {
    if (fstatSync(this.#descriptor).isFile()) fchownSync(this.#descriptor, uid, gid);
  }

  /** Not while a write is under way. */
  close(): void {
    close(this.#descriptor, () => {});
  }
}

/** Standard output; null where it is closed. */
export function openStandardOutput(): LogOutput | null {
  const isTerminal = isatty(STANDARD_OUTPUT);
  const nonBlocking = openNonBlocking(STANDARD_OUTPUT);
  if (nonBlocking !== null) return new StreamOutput(isTerminal, nonBlocking);
  try {
    if (fstatSync(STANDARD_OUTPUT).isFile()) return new FileOutput(STANDARD_OUTPUT);
  } catch {
    return null;
  }
  // It belongs to another user, as behind `su`, and may not be opened anew. In a thread, a write
  // that is stuck would keep the program from ending (libuv joins its threads); here it waits.
  return new StreamOutput(isTerminal, (bytes) => tryWrite(STANDARD_OUTPUT, bytes));
}

/** Regular files: a disk may be slow, and write(2) then waits whatever the descriptor says. */
class FileOutput implements LogOutput {
  readonly isTerminal = false;
  readonly isFile = true;
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(bytes: Buffer, done: (result: WriteResult) => void): void {
    write(this.#descriptor, bytes, 0, bytes.length, null, (error, written) => {
      done(error === null ? written : (error.code ?? error.message));
    });
  }

  writeNow(bytes: Buffer): WriteResult {
    return tryWrite(this.#descriptor, bytes);
  }
}

class StreamOutput implements LogOutput {
  readonly isTerminal: boolean;
  readonly isFile = false;
  readonly writeNow: TryWrite;

  constructor(isTerminal: boolean, writeSome: TryWrite) {
    this.isTerminal = isTerminal;
    this.writeNow = writeSome;
  }

  write(bytes: Buffer, done: (result: WriteResult) => void): void {
    done(this.writeNow(bytes));
  }
}
