/**
 * The last answers of 500 and more, and requests that got none: hears of each exchange when it is
 * over, and keeps a few.
 */
import type { AccessRecord } from "../access-log/access-record.ts";
import type { ExchangeListener } from "../exchange-listener.ts";
import { shownText } from "./observed-text.ts";
import type { ErrorSnapshot } from "./snapshot.ts";

export const ERRORS_MAX = 50;
const SERVER_ERROR_MIN = 500;
const US_PER_MS = 1_000;

export class RecentErrors implements ExchangeListener {
  readonly readsResponseFields = false;
  /** A ring; the oldest is at `#next` once it is full. */
  readonly #kept: ErrorSnapshot[] = [];
  #next = 0;

  add(record: AccessRecord): void {
    const { status } = record;
    if (status < SERVER_ERROR_MIN && !record.isAborted) return;
    const { method, target, requestId, durationUs } = record;
    this.#kept[this.#next] = {
      atMs: record.startedAtEpochMs + Math.round(durationUs / US_PER_MS),
      status,
      request: method === null ? "" : shownText(`${method} ${target}`),
      requestId: requestId === null ? null : shownText(requestId),
      workerPid: record.workerPid,
      durationUs,
    };
    this.#next = (this.#next + 1) % ERRORS_MAX;
  }

  /** The newest first. */
  latest(): ErrorSnapshot[] {
    return [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)].toReversed();
  }
}
