import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { shiftedRange, WorkerScaling } from "../../src/workers/worker-scaling.ts";

const IDLE = { waiting: 0, oldestWaitMs: 0, busy: 0, starting: 0 };

test("it begins with the smallest number, and keeps a fixed one", () => {
  assert.equal(new WorkerScaling({ min: 2, max: 8 }).target, 2);
  const fixed = new WorkerScaling({ min: 3, max: 3 });
  const flood = { waiting: 50, oldestWaitMs: 5_000, busy: 3, starting: 0 };
  assert.equal(fixed.decide({ nowMs: 1, ...flood }), 3);
  assert.equal(fixed.decide({ nowMs: 60_000, ...IDLE }), 3);
});

test("it grows by as many as wait, less those that are coming, up to the bound", () => {
  const scaling = new WorkerScaling({ min: 1, max: 6 });
  const waiting = { waiting: 2, oldestWaitMs: 100, busy: 1 };
  assert.equal(scaling.decide({ nowMs: 1, ...waiting, starting: 0 }), 3);
  assert.equal(scaling.decide({ nowMs: 2, ...waiting, starting: 2 }), 3);
  assert.equal(scaling.decide({ nowMs: 3, ...waiting, waiting: 40, starting: 0 }), 6);
});

test("a wait that is about to end by itself is no reason to grow", () => {
  const scaling = new WorkerScaling({ min: 1, max: 6 });
  assert.equal(scaling.decide({ nowMs: 1, waiting: 5, oldestWaitMs: 5, busy: 1, starting: 0 }), 1);
});

test("it shrinks when nobody had anything to do for a while, and not before", () => {
  const scaling = new WorkerScaling({ min: 1, max: 6 });
  scaling.decide({ nowMs: 1, waiting: 5, oldestWaitMs: 100, busy: 1, starting: 0 });
  assert.equal(scaling.target, 6);
  for (let nowMs = 250; nowMs <= 9_750; nowMs += 250) {
    assert.equal(scaling.decide({ nowMs, ...IDLE }), 6);
  }
  for (let nowMs = 10_000; nowMs <= 40_000; nowMs += 250) scaling.decide({ nowMs, ...IDLE });
  assert.equal(scaling.target, 1);
});

test("it keeps one more than it needs", () => {
  const scaling = new WorkerScaling({ min: 1, max: 6 });
  scaling.decide({ nowMs: 1, waiting: 5, oldestWaitMs: 100, busy: 1, starting: 0 });
  for (let nowMs = 250; nowMs <= 60_000; nowMs += 250) {
    scaling.decide({ nowMs, ...IDLE, busy: 2 });
  }
  assert.equal(scaling.target, 3);
});

test("property: whatever it reads, it stays within its range", () => {
  const reading = fc.record({
    waiting: fc.nat(1_000),
    oldestWaitMs: fc.nat(10_000),
    busy: fc.nat(600),
    starting: fc.nat(600),
  });
  fc.assert(
    fc.property(
      fc.tuple(fc.integer({ min: 1, max: 50 }), fc.nat(50)),
      fc.array(fc.tuple(fc.nat(20_000), reading)),
      ([min, more], readings) => {
        const scaling = new WorkerScaling({ min, max: min + more });
        let nowMs = 0;
        for (const [passed, one] of readings) {
          nowMs += passed;
          const target = scaling.decide({ nowMs, ...one });
          assert.ok(target >= min && target <= min + more);
        }
      },
    ),
  );
});

test("TTIN and TTOU shift a fixed number, and the lower end of a range", () => {
  assert.deepEqual(shiftedRange({ min: 2, max: 2 }, 1, 512), { min: 3, max: 3 });
  assert.deepEqual(shiftedRange({ min: 1, max: 1 }, -1, 512), { min: 1, max: 1 });
  assert.deepEqual(shiftedRange({ min: 512, max: 512 }, 1, 512), { min: 512, max: 512 });
  assert.deepEqual(shiftedRange({ min: 2, max: 4 }, 1, 512), { min: 3, max: 4 });
  assert.deepEqual(shiftedRange({ min: 4, max: 4 }, -1, 512), { min: 3, max: 3 });
  assert.deepEqual(shiftedRange({ min: 3, max: 4 }, -1, 512), { min: 2, max: 4 });
});
