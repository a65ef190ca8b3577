import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { RATE_GRACE_MS, TransferWatch } from "../../src/server/transfer-watch.ts";

const PAUSE_MAX_MS = 10_000;

function begun(rateMinBytes: number | null = 100, nowMs = 0): TransferWatch {
  const watch = new TransferWatch({ pauseMaxMs: PAUSE_MAX_MS, rateMinBytes });
  watch.begin(nowMs);
  return watch;
}

test("nothing is too slow before it has begun, and after it has ended", () => {
  const watch = new TransferWatch({ pauseMaxMs: PAUSE_MAX_MS, rateMinBytes: 100 });
  assert.equal(watch.active, false);
  assert.equal(watch.tooSlow(1e9), false);
  watch.begin(0);
  assert.ok(watch.active && watch.tooSlow(1e9));
  watch.end();
  assert.equal(watch.tooSlow(1e9), false);
});

test("a pause is too long from its bound on, whatever has moved before", () => {
  const watch = begun(null);
  watch.moved(1e9, 5_000);
  assert.equal(watch.tooSlow(14_999), false);
  assert.ok(watch.tooSlow(15_000));
});

test("a byte now and then is too slow once the grace is over", () => {
  const watch = begun();
  for (let now = 1_000; now <= RATE_GRACE_MS; now += 1_000) {
    watch.moved(1, now);
    assert.equal(watch.tooSlow(now), false);
  }
  assert.ok(watch.tooSlow(RATE_GRACE_MS + 1));
});

test("what has moved buys time at the rate", () => {
  const watch = begun();
  watch.moved(1_000, 1_000);
  watch.moved(1, 9_999);
  assert.equal(watch.tooSlow(10_000), false);
  assert.ok(watch.tooSlow(10_011));
});

test("a burst buys no more than the longest pause", () => {
  const watch = begun();
  watch.moved(1_000_000, 1_000);
  for (let now = 2_000; now <= 11_000; now += 1_000) {
    watch.moved(2, now);
    assert.equal(watch.tooSlow(now), false);
  }
  // Ten times two bytes at 100 a second, and the end of the pause that the burst has paid for.
  watch.moved(2, 11_200);
  assert.equal(watch.tooSlow(11_200), false);
  assert.ok(watch.tooSlow(11_221));
});

test("where only short pauses are allowed, a burst buys as much as a beginning has", () => {
  const watch = new TransferWatch({ pauseMaxMs: 1_000, rateMinBytes: 100 });
  watch.begin(0);
  watch.moved(1_000_000, 10_000);
  for (let now = 10_500; now <= 15_000; now += 500) {
    watch.moved(1, now);
    assert.equal(watch.tooSlow(now), false);
  }
  watch.moved(1, 15_500);
  assert.ok(watch.tooSlow(15_500));
});

test("who has been fast for long may pause for as long as anybody may", () => {
  const watch = begun();
  for (let now = 0; now <= 60_000; now += 1_000) watch.moved(1_000_000, now);
  assert.equal(watch.tooSlow(69_999), false);
  assert.ok(watch.tooSlow(70_000));
});

test("what still moves while the transfer is held buys none of that time", () => {
  const watch = begun();
  watch.hold(1_000);
  watch.moved(1_000_000, 101_000);
  watch.release(101_000);
  watch.moved(1, 105_000);
  assert.equal(watch.tooSlow(111_000), false);
  assert.ok(watch.tooSlow(111_011));
});

test("no time passes while the transfer is held", () => {
  const watch = begun();
  watch.moved(1_000, 1_000);
  watch.hold(2_000);
  watch.hold(3_000);
  assert.equal(watch.tooSlow(1e9), false);
  watch.release(102_000);
  watch.release(103_000);
  watch.moved(1, 109_999);
  assert.equal(watch.tooSlow(110_000), false);
  assert.ok(watch.tooSlow(110_011));
});

test("the next transfer begins anew", () => {
  const watch = begun();
  watch.hold(1);
  watch.begin(50_000);
  assert.equal(watch.tooSlow(50_000 + RATE_GRACE_MS), false);
  assert.ok(watch.tooSlow(50_000 + PAUSE_MAX_MS));
});

test("property: nobody is kept longer than what moved may take, and the most saved", () => {
  const step = fc.record({
    afterMs: fc.integer({ min: 1, max: 3_000 }),
    bytes: fc.integer({ min: 0, max: 100_000 }),
  });
  fc.assert(
    fc.property(fc.array(step), fc.array(step), (before, after) => {
      const watch = begun();
      let now = 0;
      for (const { afterMs, bytes } of before) watch.moved(bytes, (now += afterMs));
      // Whatever came before, from here on no more than a tenth of the rate comes.
      const slowFromMs = now;
      let slowBytes = 0;
      for (const { afterMs } of after) {
        now += afterMs;
        const bytes = Math.floor(afterMs / 100);
        slowBytes += bytes;
        watch.moved(bytes, now);
        const boughtMs = PAUSE_MAX_MS + slowBytes * 10;
        if (now - slowFromMs > boughtMs) assert.ok(watch.tooSlow(now));
      }
    }),
  );
});

test("property: who is fast enough at all times is never too slow", () => {
  const steps = fc.array(fc.integer({ min: 1, max: PAUSE_MAX_MS - 1 }), { maxLength: 50 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 10_000 }), (pausesMs, rate) => {
      const watch = begun(rate);
      let now = 0;
      for (const pauseMs of pausesMs) {
        // What the pause that follows needs is there before it begins.
        watch.moved(Math.ceil((rate * pauseMs) / 1000), now);
        now += pauseMs;
        assert.equal(watch.tooSlow(now), false);
      }
    }),
  );
});
