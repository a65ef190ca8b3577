/**
 * Log lines about requests that a policy refuses, or would refuse: not more than a bound
 * (`src/base/line-quota.ts`).
 *
 * Owns what of a request is shown. Must not know the policy.
 */
import type { Clock } from "../base/clock.ts";
import { LineQuota } from "../base/line-quota.ts";
import type { Log, LogFields } from "../base/log.ts";
import type { RequestHead } from "../http1/request-head.ts";

/** Characters of a text from outside that a line shows. */
const SHOWN_LENGTH_MAX = 200;

export class RefusalReport {
  readonly #log: Log;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #quota = new LineQuota();

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
    const more = this.#quota.take(this.#clock.nowMs());
    if (more === null) return;
    const shown: LogFields = Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, value === null ? null : cut(value)]),
    );
    this.#log[level](message, { method: head.method, path: cut(head.path), ...shown, ...more });
  }
}

function cut(text: string): string {
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}...` : text;
}
