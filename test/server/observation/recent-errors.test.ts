import assert from "node:assert/strict";
import { test } from "node:test";
import { RecentErrors } from "../../../src/server/observation/recent-errors.ts";
import { accessRecord } from "../access-log/records.ts";

test("answers of 500 and more, and requests without one, are kept; others are not", () => {
  const errors = new RecentErrors();
  errors.add(accessRecord({ status: 500 }));
  errors.add(accessRecord({ status: 499, isAborted: true }));
  for (const status of [200, 404, 499, 302, 503]) errors.add(accessRecord({ status }));
  assert.deepEqual(
    errors.latest().map(({ status }) => status),
    [503, 499, 500],
  );
});

test("only the newest are, and what clients have said is cut", () => {
  const errors = new RecentErrors();
  for (let count = 0; count < 1_000; count++) {
    errors.add(accessRecord({ status: 500, durationUs: count, target: `/${"a".repeat(5_000)}` }));
  }
  const kept = errors.latest();
  assert.deepEqual([kept.length, kept[0]?.durationUs, kept.at(-1)?.durationUs], [50, 999, 950]);
  assert.ok(JSON.stringify(kept).length < 50_000);
});
