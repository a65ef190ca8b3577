/**
 * The file of `--error-log` as this process's standard error: descriptor 2, which children inherit.
 *
 * Owns how the file is opened, and opened again when it has been moved away (logrotate). Knows
 * nothing of what is written.
 */
import { closeSync, constants, fchmodSync, fstatSync, openSync } from "node:fs";
import { errnoName } from "./errno.ts";
import { systemLibraries } from "./libc.ts";

const STANDARD_ERROR = 2;
/** As nginx and gunicorn make theirs; the umask takes away from it. */
export const LOG_FILE_MODE = 0o644;
const MODE_BITS = 0o777;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
/** The first that is not one of the three standard ones. */
const FIRST_FREE = 3;

/**
 * Makes a file standard error, for good: what was there is closed, unless somebody else has it.
 *
 * @param path absolute, since it is opened again
 * @returns null, or why not
 */
export function redirectStandardError(path: string): string | null {
  return redirect(path, LOG_FILE_MODE, false);
}

/**
 * Opens the file anew, by its path, after {@link redirectStandardError}. Where it has been moved
 * away, a new one is made with the mode of the old.
 *
 * @returns null, or why not; standard error is what it was then
 */
export function reopenStandardError(path: string): string | null {
  try {
    return redirect(path, fstatSync(STANDARD_ERROR).mode & MODE_BITS, true);
  } catch (error) {
    return reason(error);
  }
}

/**
 * Another descriptor for what standard error is now, which children do not inherit; null where
 * there is none.
 */
export function duplicateStandardError(): number | null {
  const libraries = systemLibraries();
  if ("unavailable" in libraries) return null;
  const descriptor = libraries.libc.fcntl(STANDARD_ERROR, F_DUPFD_CLOEXEC, FIRST_FREE);
  return descriptor < 0 ? null : descriptor;
}

function redirect(path: string, mode: number, modeIsKept: boolean): string | null {
  const libraries = systemLibraries();
  if ("unavailable" in libraries) return libraries.unavailable;
  const { libc } = libraries;
  let descriptor: number;
  try {
    descriptor = openForAppending(path, mode, modeIsKept);
  } catch (error) {
    return reason(error);
  }
  // Others write to it too, and expect that a write waits until it is done.
  libc.fcntl(descriptor, F_SETFL, constants.O_APPEND);
  const failed = libc.dup2(descriptor, STANDARD_ERROR) < 0;
  const why = failed ? errnoName(libc.errno()) : null;
  closeSync(descriptor);
  return why;
}

/**
 * Opens a log's file, or makes it; without waiting, as the open(2) of a FIFO would for its reader.
 *
 * @param mode       of a file that is made
 * @param modeIsKept whether it gets just that; else the umask takes away from it
 * @returns the descriptor, with O_NONBLOCK
 * @throws {Error} with the code of open(2)
 */
export function openForAppending(path: string, mode: number, modeIsKept: boolean): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_NONBLOCK } = constants;
  const flags = O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK;
  let descriptor: number;
  try {
    descriptor = openSync(path, flags | O_CREAT | O_EXCL, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    // It was there; or, as it is with a symbolic link that leads nowhere, it is still to be made.
    return openSync(path, flags | O_CREAT, mode);
  }
  if (modeIsKept) fchmodSync(descriptor, mode);
  return descriptor;
}

function reason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
