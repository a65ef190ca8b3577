/**
 * Standard error as a place for log lines that never makes the process wait.
 *
 * Who reads it may stop reading: a pipe fills up, a terminal is held with Ctrl+S. A write would
 * then block, and with it every connection. Knows nothing of what a line says.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { systemLibraries } from "./libc.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "./sockets.ts";

const STANDARD_ERROR = 2;
/** Where Linux lets a process open anew what it has open. */
const STANDARD_ERROR_PATH = "/proc/self/fd/2";

/** Writes one line, given without its line end. */
export type LineWriter = (line: string) => void;

/** Writes what there is room for. @returns how many bytes that was, at once; 0 on any failure */
type WriteSome = (bytes: Buffer) => number;

/**
 * A writer of lines to standard error. Where that is a pipe, a socket or a terminal, a line for
 * which there is no room is dropped, and the next one that is written says how many were.
 */
export function openStandardError(): LineWriter {
  if (isFile()) return writeToFile;
  const write = openNonBlocking();
  return write === null ? (line) => void process.stderr.write(`${line}\n`) : lineWriter(write);
}

function isFile(): boolean {
  try {
    return fstatSync(STANDARD_ERROR).isFile();
  } catch {
    return false;
  }
}

/** Always to whichever file is standard error now: it may be replaced (`src/os/error-log.ts`). */
function writeToFile(line: string): void {
  try {
    writeSync(STANDARD_ERROR, `${line}\n`);
  } catch {
    // The disk is full, or the file's system is gone; serving goes on.
  }
}

/** {@link LineWriter} over `write`. Keeps no more than the rest of one line. */
export function lineWriter(write: WriteSome): LineWriter {
  let dropped = 0;
  let rest = Buffer.alloc(0);
  return (line) => {
    if (rest.length > 0) rest = rest.subarray(write(rest));
    if (rest.length > 0) {
      dropped++;
      return;
    }
    const notice = `(lines missing here, because nobody read standard error: ${dropped})\n`;
    const bytes = Buffer.from(`${dropped > 0 ? notice : ""}${line}\n`);
    const written = write(bytes);
    dropped = written === 0 ? dropped + 1 : 0;
    if (written > 0) rest = bytes.subarray(written);
  };
}

/** @returns null where it does not block for long (a file), or cannot be told not to */
function openNonBlocking(): WriteSome | null {
  try {
    const stat = fstatSync(STANDARD_ERROR);
    if (stat.isSocket()) return sendSome();
    // O_NONBLOCK belongs to what open(2) made, and workers and whoever else has standard error in
    // common with us would not expect it.
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return null;
    const descriptor = openSync(STANDARD_ERROR_PATH, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    return (bytes) => writeSome(descriptor, bytes);
  } catch {
    return null;
  }
}

function writeSome(descriptor: number, bytes: Buffer): number {
  try {
    return writeSync(descriptor, bytes);
  } catch {
    // EAGAIN; or the reader is gone, and there is nowhere left to say so.
    return 0;
  }
}

function sendSome(): WriteSome | null {
  const libraries = systemLibraries();
  if ("unavailable" in libraries) return null;
  const { libc } = libraries;
  return (bytes) =>
    Math.max(0, libc.send(STANDARD_ERROR, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL));
}
