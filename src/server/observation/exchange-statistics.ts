/**
 * Figures of all exchanges since the start, for metrics, and of each of the last seconds, for the
 * live page. What can be told apart is fixed beforehand: nothing that a client
 * sends makes a series.
 *
 * Owns the accumulators: numbers in typed arrays, so that an exchange costs no allocation and
 * hardly any time. Whoever reads them does so whenever it likes:
 *
 * - `requests()` by route, method and class of status; `serverErrors()` by why there was a 5xx;
 * - `duration`, `queueTime`, `applicationTime`: one row for each of `routes.names`;
 * - `requestContentBytes`, `responseContentBytes`, `retries`, `clientAborts`, in all;
 * - `history.points(epochMs)` and `history.latest(epochMs)`: the last ten minutes, for which
 *   somebody sets `history.gauges` and calls `history.advance(epochMs)` several times a second.
 *
 * Answers to health probes are in none of them, as in no access log.
 */
import type { AccessRecord } from "../access-log/access-record.ts";
import type { ExchangeListener } from "../exchange-listener.ts";
import { FAILURES, type RequestFailure } from "../failure-answer.ts";
import { DurationHistogram } from "./duration-histogram.ts";
import { ExchangeRoutes } from "./exchange-routes.ts";
import { TrafficHistory } from "./traffic-history.ts";

/** Methods with figures of their own; `other` is all the rest, and what had none. */
export const COUNTED_METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "other",
] as const;
/** Of final answers: 1xx only ever comes before one. */
export const STATUS_CLASSES = ["2xx", "3xx", "4xx", "5xx"] as const;

/**
 * Why the answer was a 5xx: a failure to get one of the application, or else who meant it:
 * `application` answered so by itself, `gateway` stands for its rules and limits.
 */
export type ServerErrorCause = RequestFailure | "application" | "gateway";

export const SERVER_ERROR_CAUSES: readonly ServerErrorCause[] = [
  "application",
  "gateway",
  ...(Object.keys(FAILURES) as RequestFailure[]),
];

const METHOD_INDEX: ReadonlyMap<string, number> = /* @__PURE__ */ new Map(
  COUNTED_METHODS.map((method, index) => [method, index]),
);
const OTHER_METHOD = COUNTED_METHODS.length - 1;
const CAUSE_INDEX: ReadonlyMap<ServerErrorCause, number> = /* @__PURE__ */ new Map(
  SERVER_ERROR_CAUSES.map((cause, index) => [cause, index]),
);
const FIRST_CLASS = 2;
const SERVER_ERROR = 500;
const US_PER_MS = 1_000;

export interface RequestCount {
  readonly route: string;
  readonly method: (typeof COUNTED_METHODS)[number];
  readonly statusClass: (typeof STATUS_CLASSES)[number];
  readonly count: number;
}

export interface ServerErrorCount {
  readonly cause: ServerErrorCause;
  readonly count: number;
}

export class ExchangeStatistics implements ExchangeListener {
  readonly readsResponseFields = false;
  readonly routes: ExchangeRoutes;
  readonly history = new TrafficHistory();
  /** From a request's first byte to its answer's last. */
  readonly duration: DurationHistogram;
  /** Waiting for a worker, of those that came to that. */
  readonly queueTime: DurationHistogram;
  /** As workers tell, of those exchanges that came to an end there. */
  readonly applicationTime: DurationHistogram;
  /** Of contents, without heads and framing. */
  requestContentBytes = 0;
  responseContentBytes = 0;
  /** How often a request was run again because a worker died. */
  retries = 0;
  /** Connections that ended before the answer to their request began. */
  clientAborts = 0;
  readonly #requests: Float64Array;
  readonly #failures = new Float64Array(SERVER_ERROR_CAUSES.length);

  constructor(routes: ExchangeRoutes = new ExchangeRoutes()) {
    this.routes = routes;
    const rows = routes.names.length;
    this.duration = new DurationHistogram(rows);
    this.queueTime = new DurationHistogram(rows);
    this.applicationTime = new DurationHistogram(rows);
    this.#requests = new Float64Array(rows * COUNTED_METHODS.length * STATUS_CLASSES.length);
  }

  /** Free of allocation. */
  add(record: AccessRecord): void {
    const { status, durationUs, queueUs, applicationUs, contentBytes } = record;
    const { requestContentBytes } = record;
    const route = this.routes.names.length === 1 ? 0 : this.routes.indexOf(record.path);
    const method = METHOD_INDEX.get(record.method ?? "") ?? OTHER_METHOD;
    const place = placeOf(route, method, status);
    this.#requests[place] = (this.#requests[place] as number) + 1;
    this.duration.observe(route, durationUs);
    if (queueUs !== null) this.queueTime.observe(route, queueUs);
    if (applicationUs !== null) this.applicationTime.observe(route, applicationUs);
    this.requestContentBytes += requestContentBytes;
    this.responseContentBytes += contentBytes;
    this.retries += record.retries;
    if (record.isAborted) this.clientAborts++;
    if (status >= SERVER_ERROR) this.#addServerError(record);
    const endedAtEpochMs = record.startedAtEpochMs + durationUs / US_PER_MS;
    this.history.add(
      endedAtEpochMs,
      status,
      durationUs,
      queueUs,
      requestContentBytes,
      contentBytes,
    );
  }

  /** All that there can be, whether any came or not. */
  requests(): RequestCount[] {
    return this.routes.names.flatMap((route, routeIndex) =>
      COUNTED_METHODS.flatMap((method, methodIndex) =>
        STATUS_CLASSES.map((statusClass, index) => {
          const place = placeOf(routeIndex, methodIndex, (FIRST_CLASS + index) * 100);
          return { route, method, statusClass, count: this.#requests[place] as number };
        }),
      ),
    );
  }

  /** Each cause, whether it came up or not. */
  serverErrors(): ServerErrorCount[] {
    return SERVER_ERROR_CAUSES.map((cause, index) => ({
      cause,
      count: this.#failures[index] as number,
    }));
  }

  #addServerError({ failure, workerPid }: AccessRecord): void {
    const index = CAUSE_INDEX.get(failure ?? (workerPid === null ? "gateway" : "application"));
    if (index !== undefined) this.#failures[index] = (this.#failures[index] as number) + 1;
  }
}

/** A status that is of none of the classes counts as of the nearest. */
function placeOf(route: number, method: number, status: number): number {
  const ofClass = Math.floor(status / 100) - FIRST_CLASS;
  const statusClass = Math.min(Math.max(ofClass, 0), STATUS_CLASSES.length - 1);
  return (route * COUNTED_METHODS.length + method) * STATUS_CLASSES.length + statusClass;
}
