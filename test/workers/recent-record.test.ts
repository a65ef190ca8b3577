import assert from "node:assert/strict";
import { test } from "node:test";

import { RecentRecord } from "../../src/workers/recent-record.ts";

test("as long as it is young, everything is recent", () => {
  const recent = new RecentRecord();
  recent.note(0, { answered: 0, failed: 0, crashes: 0 });
  recent.note(30_000, { answered: 100, failed: 10, crashes: 1 });
  const total = { answered: 120, failed: 11, crashes: 1 };
  assert.deepEqual(recent.since(31_000, total), { ...total, spanMs: 31_000 });
});

test("what is older than about a minute is left out", () => {
  const recent = new RecentRecord();
  // An outage in the first ten seconds, and then one good request a second.
  for (let second = 0; second <= 300; second++) {
    const failed = Math.min(second, 10);
    recent.note(second * 1_000, { answered: second, failed, crashes: failed });
  }
  const total = { answered: 300, failed: 10, crashes: 10 };
  const { answered, failed, crashes, spanMs } = recent.since(300_000, total);
  assert.ok(answered >= 60 && answered <= 80, `${answered} seconds are recent`);
  assert.equal(spanMs, answered * 1_000);
  assert.equal(failed, 0);
  assert.equal(crashes, 0);
});
