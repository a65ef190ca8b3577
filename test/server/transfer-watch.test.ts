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

test("the rate is an average since the beginning: a burst counts", () => {
  const watch = begun();
  watch.moved(1_000, 1_000);
  watch.moved(1, 9_999);
  assert.equal(watch.tooSlow(10_000), false);
  assert.ok(watch.tooSlow(10_011));
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
