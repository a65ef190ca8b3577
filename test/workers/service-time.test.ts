import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { DEPTH_MAX, ServiceTime } from "../../src/workers/service-time.ts";

/** More answers than any streak that the depth waits for. */
const MANY = 2_000;

function observeMany(serviceTime: ServiceTime, elapsedUs: number, count = MANY): void {
  for (let done = 0; done < count; done++) serviceTime.observe(elapsedUs);
}

test("nothing is known at first: one request at a time", () => {
  assert.equal(new ServiceTime().depth, 1);
});

test("an application that answers in microseconds gets batches, up to the bound", () => {
  const serviceTime = new ServiceTime();
  observeMany(serviceTime, 1);
  assert.equal(serviceTime.depth, DEPTH_MAX);
  observeMany(serviceTime, 0);
  assert.equal(serviceTime.depth, DEPTH_MAX);
});

test("the depth is what keeps a worker busy for a millisecond", () => {
  const serviceTime = new ServiceTime();
  observeMany(serviceTime, 99);
  assert.equal(serviceTime.depth, 10);
});

test("an application that takes milliseconds gets one request at a time", () => {
  const serviceTime = new ServiceTime();
  observeMany(serviceTime, 3_000);
  assert.equal(serviceTime.depth, 1);
});

test("one slow answer ends the batches, and they come back only after many quick ones", () => {
  const serviceTime = new ServiceTime();
  observeMany(serviceTime, 10);
  assert.equal(serviceTime.depth, DEPTH_MAX);
  serviceTime.observe(20_000);
  assert.equal(serviceTime.depth, 1);
  observeMany(serviceTime, 10, 256);
  assert.equal(serviceTime.depth, 1);
  observeMany(serviceTime, 10, 1);
  assert.equal(serviceTime.depth, DEPTH_MAX);
});

test("the depth is a whole number from 1 to the bound, whatever is observed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 2 ** 32 - 1 }), { maxLength: 600, size: "max" }),
      (times) => {
        const serviceTime = new ServiceTime();
        for (const elapsedUs of times) {
          serviceTime.observe(elapsedUs);
          assert.ok(Number.isInteger(serviceTime.depth));
          assert.ok(serviceTime.depth >= 1 && serviceTime.depth <= DEPTH_MAX);
        }
      },
    ),
    { numRuns: 30 },
  );
});
