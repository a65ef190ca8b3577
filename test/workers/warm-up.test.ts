import assert from "node:assert/strict";
import { test } from "node:test";

import { WarmUp } from "../../src/workers/warm-up.ts";

const NEVER = new Promise<void>(() => {});

test("a step that is done in time is waited for", async () => {
  const warmUp = new WarmUp(1_000);
  assert.equal(await warmUp.until(Promise.resolve(7)), 7);
});

test("workers that are ready already are not waited for", async () => {
  await new WarmUp(1_000).untilWorkersAreReady(true);
});

test("it is told when they are", async () => {
  const warmUp = new WarmUp(1_000);
  const ready = warmUp.untilWorkersAreReady(false);
  warmUp.workersAreReady();
  await ready;
});

test("the third worker that ends ends it, and says how", async () => {
  const warmUp = new WarmUp(1_000);
  const waiting = warmUp.until(NEVER);
  warmUp.workerDied("with status 1");
  warmUp.workerDied("with status 1");
  warmUp.workerDied("by SIGSEGV");
  await assert.rejects(waiting, { name: "OperatorError", exitStatus: 3, message: /by SIGSEGV/ });
});

test("once it has failed, every further step fails", async () => {
  const warmUp = new WarmUp(1_000);
  warmUp.fail("it is not wanted any more");
  await assert.rejects(warmUp.until(NEVER), /not wanted/);
  await assert.rejects(warmUp.untilWorkersAreReady(false), /not wanted/);
});

test("it is late when its time is over", () => {
  const warmUp = new WarmUp(1_000);
  assert.equal(warmUp.isLate(1_000), false);
  assert.equal(warmUp.isLate(1_001), true);
});
