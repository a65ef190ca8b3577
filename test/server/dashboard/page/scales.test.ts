/** Axes: round numbers, places between 0 and 1, labels that do not touch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  linearScale,
  logarithmicScale,
  spreadLabels,
} from "../../../../src/server/dashboard/page/scales.ts";

test("a linear axis ends at a round number above the largest value", () => {
  assert.deepEqual(linearScale(1_482, 4).ticks, [0, 500, 1_000, 1_500]);
  assert.deepEqual(linearScale(3, 4).ticks, [0, 1, 2, 3]);
  assert.deepEqual(linearScale(0, 4).ticks, [0, 1]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000_000 }), (max) => {
      const { place, ticks } = linearScale(max, 4);
      assert.ok(place(max) <= 1 && place(0) === 0);
      assert.ok(ticks.length >= 2 && ticks.length <= 7, String(ticks));
    }),
  );
});

test("a logarithmic axis has whole powers of ten, two at least", () => {
  assert.deepEqual(logarithmicScale(1_900, 32_000).ticks, [1_000, 10_000, 100_000]);
  assert.deepEqual(logarithmicScale(500, 500).ticks, [100, 1_000, 10_000]);
  const times = fc.double({ min: 0, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(times, times, (one, other) => {
      const [min, max] = [Math.min(one, other), Math.max(one, other)];
      const { place } = logarithmicScale(min, max);
      assert.ok(place(min) >= 0 && place(min) <= place(max) && place(max) <= 1);
    }),
  );
});

test("labels keep their distance, and their order", () => {
  assert.deepEqual(spreadLabels([10, 12, 50], 14, 0, 100), [10, 24, 50]);
  assert.deepEqual(spreadLabels([100, 99], 14, 0, 100), [100, 86]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 5 }), (places) => {
      const spread = spreadLabels(places, 14, 0, 100).toSorted((one, other) => one - other);
      spread.forEach((place, index) => {
        assert.ok(place >= 0 && place <= 100);
        if (index > 0) assert.ok(place - (spread[index - 1] ?? 0) >= 14);
      });
    }),
  );
});
