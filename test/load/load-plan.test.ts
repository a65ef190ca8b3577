import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  arrivalsAtRate,
  dueCount,
  dueMs,
  type LoadPlan,
  partOf,
} from "../../src/load/load-plan.ts";

const PLAN: LoadPlan = {
  address: { family: "unix", path: "/run/a.sock" },
  method: "GET",
  request: "",
  connections: 1,
  durationMs: null,
  requestsMax: null,
  arrivals: null,
  keepAlive: true,
  timeoutMs: 1,
};

/** Times count in fractions of a nanosecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1e6);
}

describe("the parts of a plan", () => {
  it("have the plan's connections and requests together, as evenly as can be", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.nat(1_000),
        fc.nat(1_000),
        (count, moreConnections, moreRequests) => {
          const connections = count + moreConnections;
          const requestsMax = count + moreRequests;
          const plan = { ...PLAN, connections, requestsMax };
          const parts = Array.from({ length: count }, (_, index) => partOf(plan, index, count));
          const sum = (of: (part: LoadPlan) => number): number =>
            parts.reduce((total, part) => total + of(part), 0);
          assert.equal(
            sum((part) => part.connections),
            connections,
          );
          assert.equal(
            sum((part) => part.requestsMax ?? 0),
            requestsMax,
          );
          assert.ok(parts.every((part) => Math.abs(part.connections - connections / count) < 1));
        },
      ),
    );
  });

  it("send at the plan's times together, each in turn", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 1, max: 9 }),
        (rate, count) => {
          const arrivals = arrivalsAtRate(rate);
          const plan = { ...PLAN, arrivals };
          const each = 5;
          const parts = Array.from({ length: count }, (_, index) => partOf(plan, index, count));
          const times = parts.flatMap((part) =>
            Array.from({ length: each }, (_, index) =>
              rounded(dueMs(part.arrivals ?? arrivals, index)),
            ),
          );
          const whole = Array.from({ length: each * count }, (_, index) =>
            rounded(dueMs(arrivals, index)),
          );
          assert.deepEqual(
            times.toSorted((one, other) => one - other),
            whole,
          );
        },
      ),
    );
  });
});

describe("how many requests are due", () => {
  it("are those whose time has come before", () => {
    const arrivals = { intervalMs: 10, offsetMs: 5 };
    assert.equal(dueCount(arrivals, 0), 0);
    assert.equal(dueCount(arrivals, 5), 0);
    assert.equal(dueCount(arrivals, 5.1), 1);
    assert.equal(dueCount(arrivals, 15), 1);
    assert.equal(dueCount(arrivals, 1_005), 100);
  });

  it("are as many as the rate says, of all parts together", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 9 }),
        (rate, seconds, count) => {
          const plan = { ...PLAN, arrivals: arrivalsAtRate(rate) };
          let due = 0;
          for (let index = 0; index < count; index++) {
            const { arrivals } = partOf(plan, index, count);
            due += arrivals === null ? 0 : dueCount(arrivals, seconds * 1_000);
          }
          assert.equal(due, rate * seconds);
        },
      ),
    );
  });
});
