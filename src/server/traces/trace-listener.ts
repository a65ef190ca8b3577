/**
 * Makes a span of each exchange whose trace is recorded, and gives it to those that travel.
 */
import type { AccessRecord } from "../access-log/access-record.ts";
import type { ExchangeListener } from "../exchange-listener.ts";
import { ExchangeSpan, type SpanOrigin } from "./exchange-span.ts";
import type { SpanQueue } from "./span-queue.ts";

export class TraceListener implements ExchangeListener {
  readonly readsResponseFields = false;
  readonly #origin: SpanOrigin;
  readonly #queue: Pick<SpanQueue, "add" | "end">;

  constructor(origin: SpanOrigin, queue: Pick<SpanQueue, "add" | "end">) {
    this.#origin = origin;
    this.#queue = queue;
  }

  add(record: AccessRecord): void {
    const { trace } = record;
    if (trace?.isSampled === true) this.#queue.add(new ExchangeSpan(record, trace, this.#origin));
  }

  finish(): Promise<void> {
    return this.#queue.end();
  }
}
