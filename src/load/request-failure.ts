/**
 * Why a request got no whole answer, in the few kinds that a person can act on.
 */
import { ProtocolError } from "../base/errors.ts";

/** The kinds, and what each means for a person. */
export const FAILURE_KINDS = {
  refused: "the connection was refused",
  unreachable: "there is no way to the server",
  exhausted: "this machine had no port, descriptor or memory for another connection",
  reset: "the server broke the connection off",
  closed: "the server closed the connection without an answer",
  truncated: "the answer ended before it was whole",
  badResponse: "the answer breaks HTTP",
  timeout: "no whole answer came in time",
  other: "something else",
} as const;

export type FailureKind = keyof typeof FAILURE_KINDS;

export const FAILURE_KIND_NAMES = Object.keys(FAILURE_KINDS) as readonly FailureKind[];

const KIND_BY_ERRNO: ReadonlyMap<string, FailureKind> = new Map([
  ["ECONNREFUSED", "refused"],
  ["ENOENT", "refused"],
  ["EACCES", "unreachable"],
  ["EPERM", "unreachable"],
  ["EHOSTUNREACH", "unreachable"],
  ["ENETUNREACH", "unreachable"],
  ["EADDRNOTAVAIL", "exhausted"],
  ["EMFILE", "exhausted"],
  ["ENFILE", "exhausted"],
  ["ENOBUFS", "exhausted"],
  ["ENOMEM", "exhausted"],
  ["ENOSPC", "exhausted"],
  ["ECONNRESET", "reset"],
  ["EPIPE", "reset"],
  ["ETIMEDOUT", "timeout"],
]);

const KIND_BY_CODE: ReadonlyMap<string, FailureKind> = new Map([
  ["NO_RESPONSE", "closed"],
  ["HEAD_INCOMPLETE", "truncated"],
  ["CONTENT_INCOMPLETE", "truncated"],
]);

/** @param error of a connection, or of the reader of answers */
export function failureKind(error: Error): FailureKind {
  if (error instanceof ProtocolError) return KIND_BY_CODE.get(error.code) ?? "badResponse";
  const code = "code" in error ? String(error.code) : "";
  return KIND_BY_ERRNO.get(code) ?? "other";
}
