/**
 * Spans on their way to a collector: gathered and sent by the library's batch processor, counted
 * here, so that it is known how many never arrive.
 *
 * Owns how much may wait, what becomes of the rest, and how often that is said. A request never
 * waits for a span.
 */
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { within } from "../bounded-wait.ts";

/** How spans are gathered, and how long they may be on their way. */
export interface SpanGathering {
  /** Spans that wait to be sent; what would be more is dropped, and counted. */
  readonly waitingMax: number;
  /** Spans in one message: making it keeps the event loop busy, some microseconds for each. */
  readonly batchMax: number;
  /** A span is not kept back for longer while the collector takes them. */
  readonly gatheringMaxMs: number;
  /** Until an export is given up, repetitions of it included. */
  readonly exportMaxMs: number;
}

export const USUAL_GATHERING: SpanGathering = {
  waitingMax: 2_048,
  batchMax: 256,
  gatheringMaxMs: 1_000,
  exportMaxMs: 10_000,
};

/** What the last spans get to be sent when the server stops. */
export const LAST_SPANS_MAX_MS = 2_000;
/** Not more often is said how many spans were lost. */
const REPORT_INTERVAL_MS = 10_000;

type ExportCallback = Parameters<SpanExporter["export"]>[1];

/** The library's number for an export that arrived. */
const SUCCESS = 0;

/** Makes the library's processor, which sends what it gathers through the exporter it is given. */
export type MakeProcessor = (exporter: SpanExporter) => SpanProcessor;

export class SpanQueue {
  readonly #processor: SpanProcessor;
  readonly #exporter: SpanExporter;
  readonly #waitingMax: number;
  readonly #log: Log;
  readonly #clock: Pick<Clock, "nowMs">;
  #waiting = 0;
  #leaving = 0;
  #lost = 0;
  #cause = "";
  #reportedAtMs = -Infinity;
  #hasEnded = false;

  constructor(
    makeProcessor: MakeProcessor,
    exporter: SpanExporter,
    waitingMax: number,
    log: Log,
    clock: Pick<Clock, "nowMs">,
  ) {
    this.#exporter = exporter;
    this.#waitingMax = waitingMax;
    this.#log = log;
    this.#clock = clock;
    this.#processor = makeProcessor({
      export: (spans, done) => this.#export(spans, done),
      shutdown: () => exporter.shutdown(),
    });
  }

  add(span: ReadableSpan): void {
    if (this.#waiting >= this.#waitingMax) {
      this.#lose(1, "the collector does not keep up");
      return;
    }
    this.#waiting++;
    this.#processor.onEnd(span);
  }

  /** Sends what there is, within {@link LAST_SPANS_MAX_MS}; what does not leave is lost. */
  async end(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await within(
      this.#processor.shutdown().catch(() => {}),
      LAST_SPANS_MAX_MS,
    );
    const unsent = this.#waiting + this.#leaving;
    this.#reportedAtMs = -Infinity;
    if (unsent > 0) this.#lose(unsent, "the server has stopped");
    else this.#report();
  }

  #export(spans: ReadableSpan[], done: ExportCallback): void {
    const { length } = spans;
    this.#waiting -= length;
    this.#leaving += length;
    this.#exporter.export(spans, (result) => {
      this.#leaving -= length;
      const code: number = result.code;
      if (code !== SUCCESS) this.#lose(length, causeOf(result.error));
      else if (this.#lost > 0) this.#report();
      done(result);
    });
  }

  #lose(count: number, cause: string): void {
    this.#lost += count;
    this.#cause = cause;
    this.#report();
  }

  #report(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#lost === 0 || nowMs - this.#reportedAtMs < REPORT_INTERVAL_MS) return;
    this.#log.warn("spans were lost", { spans: this.#lost, cause: this.#cause });
    this.#lost = 0;
    this.#reportedAtMs = nowMs;
  }
}

/** A connection that was refused at several addresses is an error without a message. */
function causeOf(error: NodeJS.ErrnoException | undefined): string {
  return error?.message || (error?.code ?? "the collector did not take them");
}
