import assert from "node:assert/strict";
import { test } from "node:test";

import { WaitEstimate } from "../../src/workers/wait-estimate.ts";

function observeMany(estimate: WaitEstimate, count: number, elapsedMs: number, nowMs = 0): void {
  for (let done = 0; done < count; done++) estimate.observe(nowMs, elapsedMs * 1000);
}

test("with fewer than sixteen answers nothing is known", () => {
  const estimate = new WaitEstimate();
  observeMany(estimate, 15, 1_000);
  assert.equal(estimate.waitMs(0, 10, 2), null);
  assert.equal(estimate.exceeds(1, 0, 1_000_000, 1), false);
  observeMany(estimate, 1, 1_000);
  assert.equal(estimate.waitMs(0, 9, 2), 5_000);
});

test("nor is anything known while nobody answers", () => {
  const estimate = new WaitEstimate();
  observeMany(estimate, 64, 1_000);
  assert.equal(estimate.waitMs(0, 10, 0), null);
  assert.equal(estimate.exceeds(1, 0, 1_000_000, 0), false);
});

test("it is the place in the queue, by the mean, by how many are answered at once", () => {
  const estimate = new WaitEstimate();
  observeMany(estimate, 32, 200);
  assert.equal(estimate.waitMs(0, 0, 1), 200);
  assert.equal(estimate.waitMs(0, 99, 4), 5_000);
  assert.equal(estimate.exceeds(4_999, 0, 99, 4), true);
  assert.equal(estimate.exceeds(5_000, 0, 99, 4), false);
});

test("the less the answers agree, the less is believed", () => {
  const estimate = new WaitEstimate();
  observeMany(estimate, 16, 100);
  observeMany(estimate, 16, 300);
  // Deviation 100, so that the mean of 32 is uncertain by 100 / 32 ** 0.5, twice.
  assert.ok(Math.abs((estimate.waitMs(0, 0, 1) ?? 0) - (200 - 2 * (100 / 32 ** 0.5))) < 0.001);
});

test("slow answers of which there are few are no rule", () => {
  for (const accidents of [1, 2, 3]) {
    const estimate = new WaitEstimate();
    observeMany(estimate, 64 - accidents, 1);
    observeMany(estimate, accidents, 60_000);
    assert.ok((estimate.waitMs(0, 0, 1) ?? 0) <= 1, String(accidents));
  }
  const estimate = new WaitEstimate();
  observeMany(estimate, 48, 1);
  observeMany(estimate, 16, 60_000);
  assert.ok((estimate.waitMs(0, 0, 1) ?? 0) > 5_000);
});

test("what was slow is forgotten after sixty-four other answers", () => {
  const estimate = new WaitEstimate();
  observeMany(estimate, 100, 5_000);
  assert.equal(estimate.waitMs(0, 0, 1), 5_000);
  observeMany(estimate, 64, 1);
  assert.equal(estimate.waitMs(0, 0, 1), 1);
  assert.equal(estimate.exceeds(1_001, 0, 1_000, 1), false);
});

test("of those that came before the present crowd, the greater part counts", () => {
  const estimate = new WaitEstimate();
  observeMany(estimate, 33, 1);
  observeMany(estimate, 31, 60_000);
  estimate.crowdBegins();
  assert.equal(estimate.waitMs(0, 999, 1), 1_000);
  // Until enough of the crowd itself have been answered.
  observeMany(estimate, 15, 100);
  assert.equal(estimate.waitMs(0, 999, 1), 100_000);
  estimate.crowdBegins();
  observeMany(estimate, 16, 200);
  assert.equal(estimate.waitMs(0, 999, 1), 200_000);
});

test("what came before the crowd and is older than a minute does not count", () => {
  const estimate = new WaitEstimate();
  observeMany(estimate, 64, 5_000, 0);
  estimate.crowdBegins();
  assert.equal(estimate.waitMs(60_000, 0, 1), 5_000);
  assert.equal(estimate.waitMs(61_001, 0, 1), null);
  // The crowd's own answers do, however long they take.
  observeMany(estimate, 16, 50_000, 900_000);
  assert.equal(estimate.waitMs(999_999, 0, 1), 50_000);
});
