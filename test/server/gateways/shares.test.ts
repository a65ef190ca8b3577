/** What each gateway gets of a number that was given for all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { boundShare, workerShare } from "../../../src/server/gateways/shares.ts";

test("workers are divided exactly, and nobody has two more than another", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.nat(200), fc.nat(200), (gateways, a, b) => {
      const range = { min: gateways + a, max: gateways + a + b };
      const shares = Array.from({ length: gateways }, (_, index) =>
        workerShare(range, gateways, index),
      );
      for (const end of ["min", "max"] as const) {
        const counts = shares.map((share) => share[end]);
        assert.equal(
          counts.reduce((sum, count) => sum + count, 0),
          range[end],
        );
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
        assert.ok(Math.min(...counts) >= 1);
      }
      assert.ok(shares.every(({ min, max }) => min <= max));
    }),
  );
});

test("the rest goes to the first gateways", () => {
  const range = { min: 7, max: 10 };
  const shares = [0, 1, 2, 3].map((index) => workerShare(range, 4, index));
  assert.deepEqual(
    shares.map(({ min, max }) => [min, max]),
    [
      [2, 3],
      [2, 3],
      [2, 2],
      [1, 2],
    ],
  );
});

test("a bound is divided so that all together keep at least it, and none stays none", () => {
  assert.equal(boundShare(2048, 4), 512);
  assert.equal(boundShare(10, 4), 3);
  assert.equal(boundShare(1, 8), 1);
  assert.equal(boundShare(null, 4), null);
});
