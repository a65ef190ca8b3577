/** When requests come, and which latency is the 99th of a hundred. */
import assert from "node:assert/strict";
import test from "node:test";
import { arrivals, percentile } from "../../bench/arrivals.ts";

const RATE = { requestsPerSecond: 200, seconds: 50, slowOneIn: 10 };

test("arrivals are the same for a seed, and others for another", () => {
  assert.deepEqual(arrivals(1, RATE), arrivals(1, RATE));
  assert.notDeepEqual(arrivals(1, RATE), arrivals(2, RATE));
});

test("arrivals come at the rate, in order, with gaps of chance", () => {
  for (const seed of [0, 1, 2, 3]) {
    const all = arrivals(seed, RATE);
    // The standard deviation of the count of 10,000 is 100.
    assert.ok(Math.abs(all.length - 10_000) < 500, `${seed}: ${all.length}`);
    const gaps = all.map(({ atMs }, index) => atMs - (all[index - 1]?.atMs ?? 0));
    assert.ok(gaps.every((gap) => gap >= 0));
    // Of exponential gaps, the share e^-1 is longer than the mean.
    const long = gaps.filter((gap) => gap > 5).length / gaps.length;
    assert.ok(Math.abs(long - Math.exp(-1)) < 0.03, `${seed}: ${long}`);
    assert.ok((all.at(-1)?.atMs ?? 0) < 50_000);
  }
});

test("of every ten in a row exactly one is slow, not always the same", () => {
  const all = arrivals(5, RATE);
  const places = new Set<number>();
  for (let start = 0; start + 10 <= all.length; start += 10) {
    const ten = all.slice(start, start + 10);
    assert.equal(ten.filter(({ isSlow }) => isSlow).length, 1);
    places.add(ten.findIndex(({ isSlow }) => isSlow));
  }
  assert.equal(places.size, 10);
});

test("percentiles by the nearest rank", () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  assert.equal(percentile(values, 50), 100);
  assert.equal(percentile(values, 99), 198);
  assert.equal(percentile(values, 100), 200);
  assert.equal(percentile([7], 99), 7);
  assert.ok(Number.isNaN(percentile([], 50)));
});
