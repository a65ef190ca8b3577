/**
 * Answers of 500 and more, as they happen. Somebody who cannot see the list hears of new ones, but
 * not of each: in a bad minute there are thousands.
 */
import type { ErrorSnapshot } from "../../observation/snapshot.ts";
import { byId, element, setShown, setText } from "./elements.ts";
import { KeyedRows, type Row } from "./keyed-rows.ts";
import { formatCount, formatMicroseconds, formatTime } from "./numbers.ts";

const SAID_INTERVAL_MS = 15_000;

export class ErrorList {
  readonly #list = byId("errors");
  readonly #none = byId("errors-none");
  readonly #note = byId("errors-note");
  readonly #rows = new KeyedRows<ErrorSnapshot>(this.#list, keyOf, makeRow);
  readonly #say: (text: string) => void;
  #newestMs: number | null = null;
  #unsaid = 0;
  #saidAtMs = -Infinity;

  /** @param say to somebody who listens to the page */
  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  /**
   * @param errors the newest first
   * @param countLately answers of 500 and more in the last ten minutes
   */
  update(errors: readonly ErrorSnapshot[], countLately: number): void {
    this.#rows.update(errors);
    setShown(this.#list, errors.length > 0);
    setShown(this.#none, errors.length === 0);
    setText(this.#note, countLately === 0 ? "" : `${formatCount(countLately)} in ten minutes`);
    const newestMs = this.#newestMs ?? errors[0]?.atMs ?? 0;
    this.#unsaid += errors.filter(({ atMs }) => atMs > newestMs).length;
    this.#newestMs = Math.max(newestMs, errors[0]?.atMs ?? 0);
    const nowMs = performance.now();
    if (this.#unsaid === 0 || nowMs - this.#saidAtMs < SAID_INTERVAL_MS) return;
    this.#say(this.#unsaid === 1 ? "One new error" : `${this.#unsaid} new errors`);
    this.#saidAtMs = nowMs;
    this.#unsaid = 0;
  }
}

function keyOf(error: ErrorSnapshot): string {
  const { atMs, status, request, requestId, workerPid, durationUs } = error;
  return `${atMs} ${status} ${workerPid} ${durationUs} ${requestId} ${request}`;
}

function makeRow(error: ErrorSnapshot): Row<ErrorSnapshot> {
  const { atMs, status, request, requestId, workerPid, durationUs } = error;
  const shown = element("code.request", request);
  shown.title = request;
  const more = [
    formatMicroseconds(durationUs),
    workerPid === null ? "no worker" : `worker PID ${workerPid}`,
    ...(requestId === null ? [] : [requestId]),
  ].join(" · ");
  const root = element(
    "li",
    element("time", formatTime(atMs)),
    element("span.status", String(status)),
    shown,
    element("span.more", more),
  );
  // What has happened does not change.
  return { root, update: () => {} };
}
