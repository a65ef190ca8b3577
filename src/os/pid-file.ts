/**
 * The file that says which process serves: written once there is something to say, refused where
 * another one that is alive has said it, and removed at the end.
 *
 * After SIGKILL nobody removes it: then it names a process that is gone, or that is no Portico, and
 * the next start replaces it.
 */
import {
  closeSync,
  existsSync,
  fchownSync,
  ftruncateSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
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
   * Writes this process's PID. Whoever reads finds the one before, or this one, and never half of
   * it.
   *
   * @throws {OperatorError} as {@link check}; or the file cannot be written
   */
  write(predecessor: number | null): void {
    const draft = `${this.#path}.${process.pid}`;
    try {
      rmSync(draft, { force: true });
      this.#writeTo(openSync(draft, "wx", 0o644), this.#owner);
    } catch (error) {
      this.#writeInPlace(predecessor, codeOf(error));
      return;
    }
    try {
      if (this.#link(draft)) return;
      this.check(predecessor);
      renameSync(draft, this.#path);
    } catch (error) {
      throw error instanceof OperatorError ? error : this.#unwritable(codeOf(error));
    } finally {
      rmSync(draft, { force: true });
    }
  }

  /** @returns false where there is such a file already */
  #link(draft: string): boolean {
    try {
      linkSync(draft, this.#path);
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      // Not every file system has links.
      if (existsSync(this.#path)) return false;
      renameSync(draft, this.#path);
      return true;
    }
  }

  /** Where the folder is not ours, but the file is: a process that was root at first made it. */
  #writeInPlace(predecessor: number | null, why: string | undefined): void {
    if (!existsSync(this.#path)) throw this.#unwritable(why);
    this.check(predecessor);
    try {
      this.#writeTo(openSync(this.#path, "r+"), null);
    } catch {
      throw this.#unwritable(why);
    }
  }

  /** At the end: removes the file, unless it has come to name another process. Never fails. */
  removeIfOurs(): void {
    try {
      if (readFileSync(this.#path, "latin1").trim() !== String(process.pid)) return;
    } catch {
      return;
    }
    try {
      unlinkSync(this.#path);
    } catch {
      this.#empty();
    }
  }

  /** Where the folder is not ours, the file at least names nobody. */
  #empty(): void {
    try {
      truncateSync(this.#path);
    } catch {
      // It is closed to us as well; it names a process that is gone.
    }
  }

  #writeTo(descriptor: number, owner: Identity | null): void {
    try {
      const length = writeSync(descriptor, `${process.pid}\n`, 0);
      ftruncateSync(descriptor, length);
      if (owner !== null) fchownSync(descriptor, owner.uid, owner.gid);
    } finally {
      closeSync(descriptor);
    }
  }

  #unwritable(code: string | undefined): OperatorError {
    return this.#refusal(
      `it cannot be written (${code ?? "unknown error"}); ` +
        "choose a folder that is there and that this user may write to",
    );
  }

  #refusal(why: string): OperatorError {
    return new OperatorError(EXIT_STATUS.failure, `--pid-file ${this.#path}: ${why}`);
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** What `bin/portico` has Node.js run, and what it had it run before that was split. */
const PROGRAM = /(?:^|\/)cli\/(?:start|main)\.[jt]s$/;

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
  const runsProgram = commandLine.some((argument) => PROGRAM.test(argument));
  return isNode && runsProgram ? "portico" : "other";
}
