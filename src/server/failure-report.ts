/**
 * Log lines about requests that failed: one for each, with the id that its client was given. Of
 * those that come in floods only so many (`src/base/line-quota.ts`).
 */
import type { ProtocolError } from "../base/errors.ts";
import { LineQuota } from "../base/line-quota.ts";
import type { Log, LogFields } from "../base/log.ts";
import { type FailedRequest, FAILURES, type RequestFailure } from "./failure-answer.ts";

export class FailureReport {
  readonly #log: Log;
  readonly #floods = new LineQuota();
  /** Of its own: who sends what is no request must not hide that others get no answer. */
  readonly #refused = new LineQuota();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param cause of the failure, where the system has said more than what it is */
  add(failure: RequestFailure, request: FailedRequest, nowMs: number, cause?: string): void {
    const { status, floods } = FAILURES[failure];
    const more = floods ? this.#floods.take(nowMs) : {};
    if (more === null) return;
    this.#log[status === 503 ? "warn" : "error"]("a request failed", {
      ...shown(request),
      status,
      failure,
      cause,
      ...more,
    });
  }

  /** An answer whose head has left does not come to its end. */
  addCutShort(request: FailedRequest): void {
    this.#log.warn("an answer was cut short", shown(request));
  }

  /** Something that is no request, or none that is taken. */
  addRefused({ status, code, message, section }: ProtocolError, nowMs: number): void {
    const more = this.#refused.take(nowMs);
    if (more === null) return;
    this.#log.info("a request was refused", { status, code, cause: message, section, ...more });
  }

  /** An answer that its client is slow to take could not be put into a file. */
  addUnkeptAnswer(error: Error, isLost: boolean, nowMs: number): void {
    const more = this.#floods.take(nowMs);
    if (more === null) return;
    const what = "an answer could not be kept in a file";
    this.#log.warn(what, { cause: error.message, isLost, ...more });
  }
}

function shown({ id, head }: FailedRequest): LogFields {
  return { requestId: id, request: `${head.method} ${head.rawTarget}` };
}
