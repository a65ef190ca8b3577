/**
 * Log lines about requests that a policy refuses, or would refuse: not more than a bound, since
 * whoever can send requests could otherwise fill a disk.
 *
 * Owns the bound and what of a request is shown. Must not know the policy.
 */
import type { Clock } from "../base/clock.ts";
import type { Log, LogFields } from "../base/log.ts";
import type { RequestHead } from "../http1/request-head.ts";

/** Lines in one minute; the next minute's first line says how many were left out. */
export const REPORTS_PER_MINUTE_MAX = 60;

const MINUTE_MS = 60_000;
/** Characters of a text from outside that a line shows. */
const SHOWN_LENGTH_MAX = 200;

export class RefusalReport {
  readonly #log: Log;
  readonly #clock: Pick<Clock, "nowMs">;
  #minuteEndsMs = -Infinity;
  #written = 0;
  #leftOut = 0;

  constructor(log: Log, clock: Pick<Clock, "nowMs">) {
    this.#log = log;
    this.#clock = clock;
  }

  /**
   * One line, unless there were too many.
   *
   * The query is not shown: it often holds what nobody but the application should know.
   *
   * @param fields what the policy went by, as it came: the log escapes it
   */
  add(
    level: "warn" | "info",
    message: string,
    head: RequestHead,
    fields: Readonly<Record<string, string | null>>,
  ): void {
    const now = this.#clock.nowMs();
    if (now >= this.#minuteEndsMs) {
      this.#minuteEndsMs = now + MINUTE_MS;
      this.#written = 0;
    }
    if (this.#written >= REPORTS_PER_MINUTE_MAX) {
      this.#leftOut++;
      return;
    }
    this.#written++;
    const shown: LogFields = Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, value === null ? null : cut(value)]),
    );
    const leftOut = this.#leftOut === 0 ? undefined : this.#leftOut;
    this.#leftOut = 0;
    this.#log[level](message, { method: head.method, path: cut(head.path), ...shown, leftOut });
  }
}

function cut(text: string): string {
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}...` : text;
}
