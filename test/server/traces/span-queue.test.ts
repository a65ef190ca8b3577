import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";

import { SpanQueue } from "../../../src/server/traces/span-queue.ts";
import { RecordingLog } from "../connection-fixture.ts";

const WAITING_MAX = 20;
/** Numbers of the library. */
const SUCCESS = 0;
const FAILED = 1;

interface Batch {
  readonly spans: ReadableSpan[];
  readonly done: (result: { readonly code: number; readonly error?: Error }) => void;
}

/** A queue whose batches leave when the test says so. */
class Fixture {
  readonly log = new RecordingLog();
  readonly batches: Batch[] = [];
  readonly queue: SpanQueue;
  nowMs = 0;
  #gathered: ReadableSpan[] = [];
  #exporter: SpanExporter | null = null;

  constructor() {
    const processor: SpanProcessor = {
      onStart: () => {},
      onEnd: (span) => void this.#gathered.push(span),
      forceFlush: () => Promise.resolve(),
      shutdown: () => {
        this.send(Infinity);
        return Promise.resolve();
      },
    };
    this.queue = new SpanQueue(
      (exporter) => {
        this.#exporter = exporter;
        return processor;
      },
      {
        export: (spans, done) => void this.batches.push({ spans, done }),
        shutdown: () => Promise.resolve(),
      },
      WAITING_MAX,
      this.log,
      { nowMs: () => this.nowMs },
    );
  }

  add(count: number): void {
    for (let index = 0; index < count; index++) this.queue.add({} as ReadableSpan);
  }

  /** Has the processor send what it gathered. */
  send(count: number): void {
    const spans = this.#gathered.splice(0, count);
    if (spans.length > 0) this.#exporter?.export(spans, () => {});
  }
}

test("what arrives is not spoken of", async () => {
  const fixture = new Fixture();
  fixture.add(3);
  fixture.send(3);
  fixture.batches[0]?.done({ code: SUCCESS });
  await fixture.queue.end();
  assert.deepEqual(fixture.log.lines, []);
});

test("so many wait and no more; what is dropped is counted, and said at a bounded rate", () => {
  const fixture = new Fixture();
  fixture.add(WAITING_MAX + 1);
  assert.equal(fixture.log.lines.length, 1);
  fixture.add(500);
  assert.equal(fixture.log.lines.length, 1, "not each of them");
  fixture.nowMs = 10_000;
  fixture.add(1);
  assert.deepEqual(fixture.log.lines, [
    'warn spans were lost {"spans":1,"cause":"the collector does not keep up"}',
    'warn spans were lost {"spans":501,"cause":"the collector does not keep up"}',
  ]);
  // What has left makes room, also before the collector has answered.
  fixture.send(WAITING_MAX);
  fixture.nowMs = 20_000;
  fixture.add(WAITING_MAX);
  assert.equal(fixture.log.lines.length, 2);
});

test("what the collector refuses is lost, and why is said", () => {
  const fixture = new Fixture();
  fixture.add(5);
  fixture.send(5);
  fixture.batches[0]?.done({ code: FAILED, error: new Error("Bad Request") });
  assert.deepEqual(fixture.log.lines, ['warn spans were lost {"spans":5,"cause":"Bad Request"}']);
});

test("at the end it is said what did not arrive", async () => {
  const fixture = new Fixture();
  fixture.add(2);
  fixture.send(2);
  fixture.add(3);
  await fixture.queue.end();
  assert.equal(fixture.batches.length, 2, "the rest is sent");
  assert.deepEqual(fixture.log.lines, [
    'warn spans were lost {"spans":5,"cause":"the server has stopped"}',
  ]);
  await fixture.queue.end();
  assert.equal(fixture.log.lines.length, 1);
});
