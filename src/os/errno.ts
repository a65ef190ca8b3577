/**
 * Names of errno values. The numbers are the ones of the running system, as Node itself was
 * compiled with them.
 */
import os from "node:os";
import { SystemCallError } from "../base/errors.ts";

const { errno } = os.constants;

/** The values that the program decides by. */
export const {
  EACCES,
  EADDRINUSE,
  EAGAIN,
  EBADF,
  ECONNABORTED,
  ECONNREFUSED,
  ECONNRESET,
  EINPROGRESS,
  EINTR,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOENT,
  ENOMEM,
  EPIPE,
} = errno;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(errno)
    // EWOULDBLOCK and EOPNOTSUPP share the numbers of names that are better known.
    .filter(([name]) => name !== "EWOULDBLOCK" && name !== "EOPNOTSUPP")
    .map(([name, value]) => [value, name]),
);

/** `EPIPE` for 32; `errno 4095` for a number that has no name here. */
export function errnoName(value: number): string {
  return NAMES.get(value) ?? `errno ${value}`;
}

/**
 * The error of a call that has just failed.
 *
 * @param doing continues "while": `binding 127.0.0.1:80`
 */
export function systemCallError(value: number, systemCall: string, doing: string): SystemCallError {
  return new SystemCallError(errnoName(value), value, systemCall, doing);
}
