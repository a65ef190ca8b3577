import assert from "node:assert/strict";
import { test } from "node:test";

import { PatientClock } from "../../src/base/patient-clock.ts";

test("it goes with the real clock, and leaves out what it did not see go by", () => {
  let real = 5_000;
  const clock = new PatientClock({ nowMs: () => real, epochMs: () => 7 });
  const start = clock.nowMs();
  real += 250;
  assert.equal(clock.nowMs() - start, 250);
  real += 600_000;
  assert.equal(clock.nowMs() - start, 250, "the process was stopped for ten minutes");
  real += 1_000;
  assert.equal(clock.nowMs() - start, 1_250, "a second is not a gap yet");
  assert.equal(clock.epochMs(), 7);
});

test("it never runs backwards", () => {
  let real = 0;
  const clock = new PatientClock({ nowMs: () => real, epochMs: () => 0 });
  let last = clock.nowMs();
  for (const stepMs of [10, 5_000, 10, 900, 1_001, 0, 100_000, 1]) {
    real += stepMs;
    const now = clock.nowMs();
    assert.ok(now >= last);
    last = now;
  }
});
