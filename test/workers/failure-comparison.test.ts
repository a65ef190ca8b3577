import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";

import { FailureComparison } from "../../src/workers/failure-comparison.ts";
import { DispatcherFixture } from "./dispatcher-fixture.ts";
import { FakeWorker, responseFrame } from "./fake-worker.ts";
import { makePost, makeRequest } from "./request.ts";

/** The old code's only worker, without traffic. */
function restingWorker(fixture: DispatcherFixture): FakeWorker {
  const worker = fixture.addWorker();
  const channel = fixture.channels.get(worker);
  assert.ok(channel !== undefined);
  channel.resting = true;
  return worker;
}

function compare(fixture: DispatcherFixture): FailureComparison {
  return new FailureComparison(fixture.dispatcher, () => fixture.channels.values());
}

for (const [status, excused] of [
  [200, 0],
  [404, 0],
  [500, 1],
] as const) {
  test(`the old code answers with ${status}: ${excused} failures are excused`, async () => {
    const fixture = new DispatcherFixture();
    const worker = restingWorker(fixture);
    const comparison = compare(fixture);
    comparison.observe(makeRequest("/bad"));
    assert.deepEqual([comparison.pending, comparison.excused], [1, 1], "nothing is known yet");
    fixture.endTurn();
    const [asked] = worker.requests;
    assert.ok(asked !== undefined);
    assert.equal(asked.path, "/bad");
    worker.send(responseFrame(asked, "", 10, status));
    await turn();
    assert.deepEqual([comparison.pending, comparison.excused], [0, excused]);
  });
}

test("a worker of the old code that dies of it excuses the failure", async () => {
  const fixture = new DispatcherFixture();
  const worker = restingWorker(fixture);
  const comparison = compare(fixture);
  comparison.observe(makeRequest("/die"));
  fixture.endTurn();
  fixture.kill(worker);
  await turn();
  assert.equal(comparison.excused, 1);
});

test("a request that was run again, and failed again, is one question", async () => {
  const fixture = new DispatcherFixture();
  const worker = restingWorker(fixture);
  const comparison = compare(fixture);
  const request = makeRequest("/die");
  comparison.observe(request);
  fixture.endTurn();
  const [asked] = worker.requests;
  assert.ok(asked !== undefined);
  worker.send(responseFrame(asked, "", 10, 500));
  await turn();
  comparison.observe(request);
  fixture.endTurn();
  assert.deepEqual([worker.requests.length, comparison.excused], [1, 1]);
});

test("what is not safe is not asked again, and nobody is asked who has something to do", () => {
  const fixture = new DispatcherFixture();
  const worker = restingWorker(fixture);
  const comparison = compare(fixture);
  comparison.observe(makePost("/order"));
  assert.equal(comparison.excused, 0);
  comparison.observe(makeRequest("/bad"));
  comparison.observe(makeRequest("/bad"));
  fixture.endTurn();
  assert.equal(worker.requests.length, 1);
  assert.equal(comparison.pending, 1);
});
