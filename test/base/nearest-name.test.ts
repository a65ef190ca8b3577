import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { editDistance, nearestName } from "../../src/base/nearest-name.ts";

const FLAGS = ["--bind", "--backlog", "--workers", "--timeout", "--queue-timeout", "--quiet", "-q"];

const CASES: readonly (readonly [name: string, nearest: string | null])[] = [
  ["--wokers", "--workers"],
  ["--worker", "--workers"],
  ["--WORKERS", "--workers"],
  ["--bnid", "--bind"],
  ["--timeuot", "--timeout"],
  ["--queue-timout", "--queue-timeout"],
  ["--certificate", null],
  ["-x", null],
  ["", null],
  ["-".repeat(1000), null],
];

for (const [name, nearest] of CASES) {
  test(`nearest to ${JSON.stringify(name.slice(0, 20))} is ${nearest ?? "nothing"}`, () => {
    assert.equal(nearestName(name, FLAGS), nearest);
  });
}

test("a swap, an insertion, a deletion and a substitution each count once", () => {
  assert.equal(editDistance("abcd", "abdc"), 1);
  assert.equal(editDistance("abcd", "abxcd"), 1);
  assert.equal(editDistance("abcd", "acd"), 1);
  assert.equal(editDistance("abcd", "abxd"), 1);
  assert.equal(editDistance("", "abc"), 3);
});

test("the distance is symmetric, zero only between equals, and at most the longer length", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 12 });
  fc.assert(
    fc.property(word, word, (left, right) => {
      const distance = editDistance(left, right);
      assert.equal(distance, editDistance(right, left));
      assert.equal(distance === 0, left === right);
      assert.ok(distance <= Math.max(left.length, right.length));
    }),
  );
});
