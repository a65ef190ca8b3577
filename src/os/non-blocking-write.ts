/**
 * Writes that never wait, to whatever standard output or standard error may be: what has no room is
 * left to the caller.
 *
 * Owns how each kind of descriptor is told not to wait. Knows nothing of what is written.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { errnoName } from "./errno.ts";
import { systemLibraries } from "./libc.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "./sockets.ts";

/**
 * Writes what there is room for.
 *
 * @returns how many bytes that was, or the name of the error: `EAGAIN` where there was no room,
 *   `EPIPE` where the reader is gone
 */
export type TryWrite = (bytes: Buffer) => number | string;

/**
 * A pipe takes so much from one writer without letting another in between (PIPE_BUF, pipe(7)), or
 * nothing where it has no room for all of it; so does a stream socket, since that fits one buffer.
 */
const ATOMIC_MAX_BYTES = 4_096;
const LF = 0x0a;

/**
 * For a pipe, a socket or a terminal.
 *
 * @returns null where the descriptor does not block for long (a file), is closed, or cannot be told
 *   not to
 */
export function openNonBlocking(descriptor: number): TryWrite | null {
  try {
    const stat = fstatSync(descriptor);
    if (stat.isSocket()) return sendTo(descriptor);
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return null;
    // O_NONBLOCK belongs to what open(2) made, and workers and whoever else has it in common with
    // us would not expect it. So it is opened anew, where Linux lets a process do that.
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    const own = openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    return stat.isFIFO() ? wholeLinesTo(own) : (bytes) => tryWrite(own, bytes);
  } catch {
    return null;
  }
}

/** One write(2). */
export function tryWrite(descriptor: number, bytes: Buffer): number | string {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/**
 * For a pipe that others write to as well: no line of at most 4096 bytes is torn by theirs.
 *
 * @param descriptor with O_NONBLOCK
 */
export function wholeLinesTo(descriptor: number): TryWrite {
  return wholeLinesBy((bytes) => tryWrite(descriptor, bytes));
}

function wholeLinesBy(writeSome: TryWrite): TryWrite {
  return (bytes) => {
    let at = 0;
    while (at < bytes.length) {
      const written = writeSome(bytes.subarray(at, pieceEnd(bytes, at)));
      if (typeof written === "string") return at > 0 ? at : written;
      at += written;
    }
    return at;
  };
}

/** As many whole lines as are written at once; a longer line stands alone. */
function pieceEnd(bytes: Buffer, start: number): number {
  if (bytes.length - start <= ATOMIC_MAX_BYTES) return bytes.length;
  const last = bytes.lastIndexOf(LF, start + ATOMIC_MAX_BYTES - 1);
  if (last >= start) return last + 1;
  const next = bytes.indexOf(LF, start + ATOMIC_MAX_BYTES);
  return next === -1 ? bytes.length : next + 1;
}

function sendTo(descriptor: number): TryWrite | null {
  const libraries = systemLibraries();
  if ("unavailable" in libraries) return null;
  const { libc } = libraries;
  return wholeLinesBy((bytes) => {
    const sent = libc.send(descriptor, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? errnoName(libc.errno()) : sent;
  });
}
