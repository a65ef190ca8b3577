/**
 * The file that says which process serves: written once there is something to say, refused where
 * another one that is alive has said it, and removed at the end.
 *
 * After SIGKILL nobody removes it: then it names a process that is gone, or that is no Portico, and
 * the next start replaces it.
 */
import {
  closeSync,
  fchownSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Identity } from "./privileges.ts";

/** What the PID in a file is now. */
export type ProcessKind = "portico" | "other" | "gone";

/** Bound of what a PID file may hold; anything longer is another kind of file. */
const CONTENT_MAX_CHARS = 32;
/** A file that comes back each time it is removed is somebody else's at work. */
const ATTEMPTS_MAX = 3;

export class PidFile {
  readonly #path: string;
  readonly #owner: Identity | null;
  readonly #kindOf: (pid: number) => ProcessKind;

  /**
   * @param owner whose the file is to be; null: this process's user
   * @param kindOf for tests
   */
  constructor(
    path: string,
    owner: Identity | null,
    kindOf: (pid: number) => ProcessKind = processKind,
  ) {
    this.#path = path;
    this.#owner = owner;
    this.#kindOf = kindOf;
  }

  /**
   * Looks whether {@link write} will be allowed.
   *
   * @param predecessor the process that this one takes over from; null for none
   * @throws {OperatorError} exit status 1: another Portico is alive, or the file is something else
   */
  check(predecessor: number | null): void {
    let content: string;
    try {
      content = readFileSync(this.#path, "latin1");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      throw this.#refusal(`it cannot be read (${code})`);
    }
    if (content.length > CONTENT_MAX_CHARS || !/^\s*\d*\s*$/.test(content)) {
      throw this.#refusal("the file there holds something else; move it, or choose another path");
    }
    const pid = Number(content.trim());
    // In a container the numbers are the same at each start.
    if (pid === 0 || pid === process.pid || pid === predecessor) return;
    if (this.#kindOf(pid) !== "portico") return;
    throw this.#refusal(`PID ${pid} in it is a Portico that runs; stop that, or choose another`);
  }

  /**
   * Writes this process's PID.
   *
   * @throws {OperatorError} as {@link check}; or the file cannot be written
   */
  write(predecessor: number | null): void {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#writeTo(openSync(this.#path, "wx", 0o644));
        return;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== "EEXIST" || attempt === ATTEMPTS_MAX) throw this.#unwritable(code);
      }
      this.check(predecessor);
      if (this.#remove()) continue;
      // The folder is not ours, the file is: a process that was root at first made it.
      try {
        this.#writeTo(openSync(this.#path, "r+"));
        return;
      } catch (error) {
        throw this.#unwritable((error as NodeJS.ErrnoException).code);
      }
    }
  }

  /** At the end: removes the file, unless it has come to name another process. Never fails. */
  removeIfOurs(): void {
    try {
      if (readFileSync(this.#path, "latin1").trim() !== String(process.pid)) return;
      // Where the folder is not ours, it at least names nobody.
      if (!this.#remove()) truncateSync(this.#path);
    } catch {
      // It is gone, or closed to us; there is nothing left to do.
    }
  }

  #remove(): boolean {
    try {
      unlinkSync(this.#path);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ENOENT";
    }
  }

  #writeTo(descriptor: number): void {
    try {
      ftruncateSync(descriptor);
      writeSync(descriptor, `${process.pid}\n`, 0);
      if (this.#owner !== null) fchownSync(descriptor, this.#owner.uid, this.#owner.gid);
    } finally {
      closeSync(descriptor);
    }
  }

  #unwritable(code: string | undefined): OperatorError {
    return this.#refusal(
      `it cannot be written (${code}); choose a folder that is there and that this user may write to`,
    );
  }

  #refusal(why: string): OperatorError {
    return new OperatorError(EXIT_STATUS.failure, `--pid-file ${this.#path}: ${why}`);
  }
}

/** Tells by proc(5) what runs under a number; where that is not there, whatever runs counts. */
export function processKind(pid: number): ProcessKind {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return "gone";
  }
  let commandLine: string[];
  try {
    commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch (error) {
    const isLinux = process.platform === "linux";
    return isLinux && (error as NodeJS.ErrnoException).code === "ENOENT" ? "gone" : "portico";
  }
  const isNode = /(?:^|\/)node[^/]*$/.test(commandLine[0] ?? "");
  const runsProgram = commandLine.some((argument) => /(?:^|\/)cli\/main\.[jt]s$/.test(argument));
  return isNode && runsProgram ? "portico" : "other";
}
