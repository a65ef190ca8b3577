import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { QueueWaitRecord } from "../../src/workers/queue-wait.ts";

test("of nothing all is zero", () => {
  assert.deepEqual(new QueueWaitRecord(5).summarize(5), {
    count: 0,
    lastMs: 0,
    meanMs: 0,
    maxMs: 0,
    p50Ms: 0,
    p99Ms: 0,
  });
});

test("requests that found a worker idle count with a wait of zero", () => {
  const record = new QueueWaitRecord(0);
  for (let count = 0; count < 99; count++) record.observeNone(0);
  record.observe(0, 500);
  const wait = record.summarize(0);
  assert.equal(wait.count, 100);
  assert.equal(wait.lastMs, 500);
  assert.equal(wait.meanMs, 5);
  assert.equal(wait.maxMs, 500);
  assert.equal(wait.p50Ms, 0);
  assert.equal(wait.p99Ms, 0);
  record.observe(0, 400);
  assert.ok(record.summarize(0).p99Ms >= 400);
  record.observeNone(0);
  assert.equal(record.summarize(0).lastMs, 0);
});

test("a share is bounded from above, a fifth too high at worst, and by the longest", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat({ max: 30 }), fc.double({ min: 0, max: 3_600_000, noNaN: true })), {
        minLength: 1,
        maxLength: 300,
      }),
      (waits) => {
        const record = new QueueWaitRecord(0);
        for (const wait of waits) record.observe(0, wait);
        const sorted = waits.toSorted((one, other) => one - other);
        const { count, maxMs, p50Ms, p99Ms } = record.summarize(0);
        assert.equal(count, waits.length);
        assert.equal(maxMs, sorted.at(-1));
        for (const [share, boundMs] of [
          [0.5, p50Ms],
          [0.99, p99Ms],
        ] as const) {
          const longer = Math.floor(count * (1 - share));
          const exact = sorted[count - 1 - longer] ?? 0;
          if (exact < 1) assert.equal(boundMs, 0);
          else assert.ok(boundMs >= exact && boundMs <= exact * 1.2, `${boundMs} for ${exact}`);
        }
      },
    ),
  );
});

test("a wait of days is kept as well", () => {
  const record = new QueueWaitRecord(0);
  record.observe(0, 10 ** 9);
  assert.equal(record.summarize(0).p50Ms, 10 ** 9);
});

test("what is older than a minute is forgotten, what is younger than fifty seconds is not", () => {
  const record = new QueueWaitRecord(0);
  record.observe(0, 1_000);
  record.observe(9_999, 2_000);
  record.observe(30_000, 10);
  assert.equal(record.summarize(49_999).count, 3);
  assert.equal(record.summarize(59_999).maxMs, 2_000);
  assert.deepEqual(
    [record.summarize(60_000).count, record.summarize(60_000).maxMs],
    [1, 10],
    "the first slice is gone, the other one is there",
  );
  assert.equal(record.summarize(90_000).count, 0);
  record.observe(90_000, 7);
  assert.equal(record.summarize(90_000).meanMs, 7);
});

test("after a long silence nothing is left, and slices go on in step", () => {
  const record = new QueueWaitRecord(0);
  for (let atMs = 0; atMs < 60_000; atMs += 1_000) record.observe(atMs, 3);
  record.observe(10 ** 9 + 5, 4);
  assert.equal(record.summarize(10 ** 9 + 5).count, 1);
  assert.equal(record.summarize(10 ** 9 + 50_000).count, 1);
  assert.equal(record.summarize(10 ** 9 + 60_000).count, 0);
});
