/**
 * `--error-log`: standard error becomes a file at start, and is opened anew on USR1. Owns what is
 * said where that does not work.
 */
import { closeSync, statSync, writeSync } from "node:fs";
import path from "node:path";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { createLog, type Log, type LogLevel } from "../base/log.ts";
import type { Options } from "../options/registry.ts";
import {
  duplicateStandardError,
  redirectStandardError,
  reopenStandardError,
} from "../os/error-log.ts";
import { realClock } from "../os/real-clock.ts";
import { openStandardError } from "../os/standard-error.ts";

/** What `--quiet` leaves of `--log-level`. */
export function errorLogLevel(options: Options): LogLevel {
  const isTooMuch = options.logLevel === "info" || options.logLevel === "debug";
  return options.quiet && isTooMuch ? "warn" : options.logLevel;
}

/** The log of this process: to whatever standard error is by now. */
export function openLog(options: Options): Log {
  const level = errorLogLevel(options);
  return createLog(openStandardError(), realClock, level, options.logFormat);
}

export class ErrorLog {
  /** Absolute: it is opened again, also by processes that run in another folder. */
  readonly path: string;
  /** Where whoever starts the program reads why it did not; null once it serves. */
  #earlier: number | null;

  private constructor(file: string, earlier: number | null) {
    this.path = file;
    this.#earlier = earlier;
  }

  /**
   * From now on standard error of this process, and of those that it starts, is the file.
   *
   * @throws {OperatorError} exit status 2: it cannot be opened
   */
  static open(file: string): ErrorLog {
    const absolute = path.resolve(file);
    const earlier = duplicateStandardError();
    const why = redirectStandardError(absolute);
    if (why === null) return new ErrorLog(absolute, earlier);
    if (earlier !== null) closeSync(earlier);
    throw new OperatorError(
      EXIT_STATUS.usage,
      `--error-log ${file}: the file cannot be opened for appending (${why})`,
    );
  }

  /** Whether it is a file that can be given to the user whom the program becomes. */
  get isFile(): boolean {
    return statSync(this.path, { throwIfNoEntry: false })?.isFile() === true;
  }

  /** Why the program does not start: into the file, and to who has started it. */
  complain(text: string): void {
    for (const descriptor of [2, this.#earlier]) {
      if (descriptor === null) continue;
      try {
        writeSync(descriptor, text);
      } catch {
        // Nobody reads there any more, or the disk is full.
      }
    }
  }

  /** The program serves: what was standard error before is let go. */
  started(): void {
    if (this.#earlier !== null) closeSync(this.#earlier);
    this.#earlier = null;
  }

  /** @returns whether it was opened anew; the old file goes on being written to otherwise */
  reopen(log: Log): boolean {
    const why = reopenStandardError(this.path);
    if (why === null) {
      log.info("the error log was opened anew");
      return true;
    }
    log.warn("the error log cannot be opened anew, so the old file goes on", {
      file: this.path,
      cause: why,
    });
    return false;
  }
}
