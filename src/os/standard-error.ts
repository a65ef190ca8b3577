/**
 * Standard error as a place for log lines that never makes the process wait.
 *
 * Who reads it may stop reading: a pipe fills up, a terminal is held with Ctrl+S. A write would
 * then block, and with it every connection. Knows nothing of what a line says.
 */
import { fstatSync, writeSync } from "node:fs";
import { LineQueue, type WriteSome } from "./line-queue.ts";
import { openNonBlocking } from "./non-blocking-write.ts";

const STANDARD_ERROR = 2;
/** What the reader gets when the process ends. */
const LAST_TRY_MAX_MS = 100;
const LAST_TRY_INTERVAL_MS = 5;
const SLEEPER = new Int32Array(new SharedArrayBuffer(4));

/** Writes one line, given without its line end. */
export type LineWriter = (line: string) => void;

/**
 * A writer of lines to standard error. Where that is a pipe, a socket or a terminal, lines wait for
 * room, up to a bound; where lines had to be dropped, one says how many.
 */
export function openStandardError(): LineWriter {
  if (isFile()) return writeToFile;
  const write = openStandardErrorNonBlocking();
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
function openStandardErrorNonBlocking(): WriteSome | null {
  const tryWrite = openNonBlocking(STANDARD_ERROR);
  if (tryWrite === null) return null;
  return (bytes) => {
    const written = tryWrite(bytes);
    // No room; or the reader is gone, and there is nowhere left to say so.
    return typeof written === "string" ? 0 : written;
  };
}
