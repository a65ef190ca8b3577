/**
 * Standard error as a place for log lines that never makes the process wait.
 *
 * Who reads it may stop reading: a pipe fills up, a terminal is held with Ctrl+S. A write would
 * then block, and with it every connection. Knows nothing of what a line says.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { LineQueue, type WriteSome } from "./line-queue.ts";
import { systemLibraries } from "./libc.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "./sockets.ts";

const STANDARD_ERROR = 2;
/** What the reader gets when the process ends. */
const LAST_TRY_MAX_MS = 100;
const LAST_TRY_INTERVAL_MS = 5;
const SLEEPER = new Int32Array(new SharedArrayBuffer(4));
/** Where Linux lets a process open anew what it has open. */
const STANDARD_ERROR_PATH = "/proc/self/fd/2";

/** Writes one line, given without its line end. */
export type LineWriter = (line: string) => void;

/**
 * A writer of lines to standard error. Where that is a pipe, a socket or a terminal, lines wait for
 * room, up to a bound; where lines had to be dropped, one says how many.
 */
export function openStandardError(): LineWriter {
  if (isFile()) return writeToFile;
  const write = openNonBlocking();
  return write === null ? (line) => void process.stderr.write(`${line}\n`) : throughQueue(write);
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

/** What waits for room is tried once more when the process ends. */
function throughQueue(write: WriteSome): LineWriter {
  const queue = new LineQueue(write);
  process.once("exit", () => {
    const untilMs = performance.now() + LAST_TRY_MAX_MS;
    while (!queue.flush() && performance.now() < untilMs) {
      Atomics.wait(SLEEPER, 0, 0, LAST_TRY_INTERVAL_MS);
    }
  });
  return (line) => queue.add(line);
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
