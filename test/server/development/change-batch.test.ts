import assert from "node:assert/strict";
import { test } from "node:test";

import { ChangeBatch, LONGEST_MS, QUIET_MS } from "../../../src/server/development/change-batch.ts";

test("nothing has changed", () => {
  const batch = new ChangeBatch();
  assert.equal(batch.dueAtMs, null);
  assert.equal(batch.take(), null);
});

test("changes with little time between them belong together", () => {
  const batch = new ChangeBatch();
  batch.add("/a", 1000);
  assert.equal(batch.dueAtMs, 1000 + QUIET_MS);
  batch.add("/b", 1040);
  batch.add("/a", 1060);
  assert.equal(batch.dueAtMs, 1060 + QUIET_MS);
  assert.deepEqual(batch.take(), { firstAtMs: 1000, paths: ["/a", "/b"], count: 2 });
  assert.equal(batch.take(), null);
});

test("changes without end are looked at all the same", () => {
  const batch = new ChangeBatch();
  for (let now = 1000; now < 3000; now += 10) batch.add("/a", now);
  assert.equal(batch.dueAtMs, 1000 + LONGEST_MS);
});

test("what comes after it was taken begins anew", () => {
  const batch = new ChangeBatch();
  batch.add("/a", 1000);
  batch.take();
  batch.add("/b", 9000);
  assert.equal(batch.dueAtMs, 9000 + QUIET_MS);
  assert.deepEqual(batch.take(), { firstAtMs: 9000, paths: ["/b"], count: 1 });
});

test("of very many changes only some names are kept", () => {
  const batch = new ChangeBatch();
  for (let number = 0; number < 250; number++) batch.add(`/${number}`, 1000);
  const changes = batch.take();
  assert.equal(changes?.paths.length, 100);
  assert.equal(changes?.count, 250);
  batch.add("/a", 2000);
  assert.equal(batch.take()?.count, 1);
});
