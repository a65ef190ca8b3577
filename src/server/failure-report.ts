/**
 * Log lines about requests that failed: one for each, with the id that its client was given. Of
 * those that come in floods only so many, since whoever can send requests could otherwise fill the
 * disk that the log is on.
 */
import type { ProtocolError } from "../base/errors.ts";
import type { Log, LogFields } from "../base/log.ts";
import { type FailedRequest, FAILURES, type RequestFailure } from "./failure-answer.ts";

/** Lines in one minute about what comes in floods; the next one says how many were left out. */
export const FLOOD_LINES_PER_MINUTE_MAX = 60;

const MINUTE_MS = 60_000;

export class FailureReport {
  readonly #log: Log;
  #minuteEndsMs = -Infinity;
  #written = 0;
  #leftOut = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param cause of the failure, where the system has said more than what it is */
  add(failure: RequestFailure, request: FailedRequest, nowMs: number, cause?: string): void {
    const { status, floods } = FAILURES[failure];
    if (floods && !this.#hasRoom(nowMs)) return;
    const leftOut = floods && this.#leftOut > 0 ? this.#leftOut : undefined;
    if (floods) this.#leftOut = 0;
    this.#log[status === 503 ? "warn" : "error"]("a request failed", {
      ...shown(request),
      status,
      failure,
      cause,
      leftOut,
    });
  }

  /** An answer whose head has left does not come to its end. */
  addCutShort(request: FailedRequest): void {
    this.#log.warn("an answer was cut short", shown(request));
  }

  /** Something that is no request, or none that is taken. */
  addRefused({ status, code, message, section }: ProtocolError): void {
    this.#log.info("a request was refused", { status, code, cause: message, section });
  }

  /** An answer that its client is slow to take could not be put into a file. */
  addUnkeptAnswer(error: Error, isLost: boolean, nowMs: number): void {
    if (!this.#hasRoom(nowMs)) return;
    this.#log.warn("an answer could not be kept in a file", { cause: error.message, isLost });
  }

  #hasRoom(nowMs: number): boolean {
    if (nowMs >= this.#minuteEndsMs) {
      this.#minuteEndsMs = nowMs + MINUTE_MS;
      this.#written = 0;
    }
    if (this.#written >= FLOOD_LINES_PER_MINUTE_MAX) {
      this.#leftOut++;
      return false;
    }
    this.#written++;
    return true;
  }
}

function shown({ id, head }: FailedRequest): LogFields {
  return { requestId: id, request: `${head.method} ${head.rawTarget}` };
}
