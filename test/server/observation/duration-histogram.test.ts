/** Each duration is in the one bucket that Prometheus' reading of its bounds puts it in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DURATION_BOUNDS_S,
  DurationHistogram,
} from "../../../src/server/observation/duration-histogram.ts";

function bucketOf(us: number): number {
  const histogram = new DurationHistogram(1);
  histogram.observe(0, us);
  return histogram.series(0).counts.indexOf(1);
}

test("a duration at a bound is within it, one beyond is not", () => {
  for (const [index, bound] of DURATION_BOUNDS_S.entries()) {
    const us = Math.round(bound * 1e6);
    assert.equal(bucketOf(us), index, `${bound} s`);
    assert.equal(bucketOf(us + 1), index + 1, `1 µs more than ${bound} s`);
  }
});

test("every duration is in the first bucket whose bound it does not exceed", () => {
  const bounds = DURATION_BOUNDS_S.map((bound) => Math.round(bound * 1e6));
  for (let us = 0; us < 4_000_000_000; us = us < 3_000 ? us + 1 : Math.floor(us * 1.01)) {
    const expected = bounds.findIndex((bound) => us <= bound);
    assert.equal(bucketOf(us), expected === -1 ? bounds.length : expected, `${us} µs`);
  }
});

test("series are kept apart, and sums are those of what was told", () => {
  const histogram = new DurationHistogram(2);
  histogram.observe(0, 1_500_000);
  histogram.observe(1, 250_000);
  histogram.observe(1, 3_600_000_000);
  assert.equal(histogram.series(0).count, 1);
  assert.equal(histogram.series(0).sumSeconds, 1.5);
  assert.equal(histogram.series(1).count, 2);
  assert.equal(histogram.series(1).sumSeconds, 3_600.25);
  assert.equal(histogram.series(1).counts.at(-1), 1, "an hour is beyond all bounds");
});
