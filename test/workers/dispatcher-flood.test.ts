/** More requests than can be served: who is refused, and what is known of the time in the queue. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { DispatcherFixture } from "./dispatcher-fixture.ts";
import type { FakeWorker } from "./fake-worker.ts";

/** The worker answers so many requests, each of which takes that long. */
function answerMany(
  fixture: DispatcherFixture,
  worker: FakeWorker,
  count: number,
  takesMs: number,
): void {
  for (let done = 0; done < count; done++) {
    const place = worker.requests.length;
    fixture.submitAll("/before");
    fixture.nowMs += takesMs;
    fixture.answer(worker, place, takesMs * 1000);
  }
}

test("where the wait cannot be met, a request is refused at once", () => {
  const fixture = new DispatcherFixture({ queueTimeoutMs: 10_000 });
  const worker = fixture.addWorker();
  answerMany(fixture, worker, 20, 1_000);
  const paths = Array.from({ length: 13 }, (_, number) => `/${number}`);
  fixture.submitAll(...paths);
  // One is running, and twelve wait: the next one would wait for thirteen seconds.
  assert.equal(fixture.dispatcher.queueLength, 12);
  assert.ok(fixture.refuses("/too-many"));
  assert.equal(fixture.dispatcher.queueLength, 12);
  assert.equal(fixture.dispatcher.retryAfterSeconds, 13);
  fixture.answer(worker, 20, 1_000_000);
  assert.ok(!fixture.refuses("/again"), "there is room for one again");
});

test("before it is known how long answers take nobody is refused but by a full queue", () => {
  const fixture = new DispatcherFixture({ queueTimeoutMs: 1_000, queueLengthMax: 50 });
  const worker = fixture.addWorker();
  answerMany(fixture, worker, 15, 1_000);
  fixture.submitAll(...Array.from({ length: 51 }, (_, number) => `/${number}`));
  assert.ok(fixture.refuses("/one-more"));
  assert.equal(fixture.dispatcher.retryAfterSeconds, 1);
});

test("the more channels serve, or are about to, the more may wait", () => {
  const fixture = new DispatcherFixture({ queueTimeoutMs: 1_000 });
  const workers = [fixture.addWorker(), fixture.addWorker()];
  answerMany(fixture, workers[0] as FakeWorker, 20, 1_000);
  // One at rest does nothing for those that wait.
  fixture.addWorker({}, true);
  fixture.submitAll("/1", "/2", "/3", "/4", "/5", "/6");
  assert.equal(fixture.dispatcher.queueLength, 4);
  assert.ok(fixture.refuses("/7"));
  fixture.dispatcher.channelsExpected = 20;
  assert.ok(!fixture.refuses("/7"));
});

test("calls that hang are learnt from, although they never answer", () => {
  const fixture = new DispatcherFixture({ queueTimeoutMs: 10_000, timeoutMs: 2_000 });
  for (let count = 0; count < 16; count++) {
    const worker = fixture.addWorker();
    fixture.submitAll("/hangs");
    fixture.sweepAt(fixture.nowMs + 2_000);
    fixture.kill(worker);
  }
  fixture.addWorker();
  fixture.submitAll("/runs", "/1", "/2", "/3", "/4", "/5", "/6");
  assert.ok(fixture.refuses("/7"));
  assert.equal(fixture.dispatcher.retryAfterSeconds, 14);
});

test("one that is refused is told to come again within a minute", () => {
  const fixture = new DispatcherFixture({ queueTimeoutMs: 100_000 });
  const worker = fixture.addWorker();
  assert.equal(fixture.dispatcher.retryAfterSeconds, 1);
  answerMany(fixture, worker, 20, 3_000);
  fixture.submitAll(...Array.from({ length: 25 }, (_, number) => `/${number}`));
  assert.equal(fixture.dispatcher.retryAfterSeconds, 60);
});

test("how long each request has waited is known, and how long they wait now", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  const [first, second, third] = fixture.submitAll("/1", "/2", "/3");
  assert.deepEqual(fixture.dispatcher.waiting, { count: 2, oldestMs: 0 });
  fixture.nowMs = 300;
  assert.deepEqual(fixture.dispatcher.waiting, { count: 2, oldestMs: 300 });
  fixture.answer(worker, 0);
  fixture.nowMs = 1_000;
  fixture.answer(worker, 1);
  assert.deepEqual(
    [first, second, third].map((each) => each?.job.waitedMs),
    [0, 300, 1_000],
  );
  assert.deepEqual(fixture.dispatcher.waiting, { count: 0, oldestMs: 0 });
  const { count, lastMs, maxMs, p50Ms } = fixture.dispatcher.queueWait;
  assert.deepEqual([count, lastMs, maxMs], [3, 1_000, 1_000]);
  assert.ok(p50Ms >= 300 && p50Ms <= 360);
  fixture.nowMs = 100_000;
  assert.equal(fixture.dispatcher.queueWait.count, 0);
});

test("what was given up in the queue counts with the time that it waited", () => {
  const fixture = new DispatcherFixture({ queueTimeoutMs: 1_000 });
  fixture.addWorker();
  fixture.submitAll("/1", "/2");
  fixture.sweepAt(1_200);
  assert.equal(fixture.dispatcher.queueWait.maxMs, 1_200);
});

test("one that comes back from a worker that died has waited twice, or still", () => {
  for (const unread of [false, true]) {
    const fixture = new DispatcherFixture();
    const worker = fixture.addWorker();
    const [, again] = fixture.submitAll("/1", "/again");
    fixture.nowMs = 100;
    fixture.answer(worker, 0);
    fixture.nowMs = 500;
    worker.stream.unreadByPeer = unread;
    fixture.kill(worker);
    fixture.nowMs = 700;
    fixture.addWorker();
    assert.equal(again?.job.waitedMs, unread ? 700 : 300);
  }
});

test("those whose client is gone give their place up when time is looked at", () => {
  const fixture = new DispatcherFixture();
  fixture.addWorker();
  const [, gone, stays] = fixture.submitAll("/1", "/gone", "/stays");
  gone?.job.cancel();
  fixture.sweepAt(10);
  assert.deepEqual(fixture.dispatcher.waiting, { count: 1, oldestMs: 10 });
  assert.equal(fixture.dispatcher.jobs.size, 2);
  assert.equal(stays?.sink.outcomes, 0);
});

test("a worker that may take requests again is found when time is looked at", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker({}, true);
  fixture.submitAll("/1");
  fixture.channelOf(worker).resting = false;
  fixture.sweepAt(250);
  assert.equal(worker.requests.length, 1);
});
