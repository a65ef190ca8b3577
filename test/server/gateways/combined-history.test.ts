/** Ten minutes of several gateways are those of one that had served all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CombinedHistory } from "../../../src/server/gateways/combined-history.ts";
import { MESSAGE_MAX_BYTES } from "../../../src/server/gateways/gateway-messages.ts";
import { TrafficHistory } from "../../../src/server/observation/traffic-history.ts";
import {
  sumOfSeconds,
  type TrafficSecond,
} from "../../../src/server/observation/traffic-second.ts";

const START_MS = 1_800_000_000_000;
const SECONDS = 4;
const END_MS = START_MS + SECONDS * 1_000;

interface Exchange {
  readonly gateway: number;
  readonly second: number;
  readonly status: number;
  readonly durationUs: number;
  readonly queueUs: number | null;
}

const EXCHANGES: fc.Arbitrary<Exchange[]> = fc.array(
  fc.record({
    gateway: fc.nat(2),
    second: fc.nat(SECONDS - 1),
    status: fc.constantFrom(200, 404, 500),
    durationUs: fc.nat(3_000_000),
    queueUs: fc.option(fc.nat(20_000)),
  }),
);

function historyOf(exchanges: readonly Exchange[], waiting: number): TrafficHistory {
  const history = new TrafficHistory();
  history.keepCounts();
  history.gauges = () => ({ waiting, connections: 10 * waiting });
  history.advance(START_MS);
  const inOrder = exchanges.toSorted((one, other) => one.second - other.second);
  for (const { second, status, durationUs, queueUs } of inOrder) {
    history.add(START_MS + second * 1_000, status, durationUs, queueUs, 5, 7);
  }
  history.advance(END_MS);
  return history;
}

function secondsOf(exchanges: readonly Exchange[], waiting: number): TrafficSecond[] {
  return historyOf(exchanges, waiting).seconds(END_MS, 0, END_MS);
}

test("each second is the sum, and its quantiles are those of all its requests", () => {
  fc.assert(
    fc.property(EXCHANGES, (exchanges) => {
      const combined = new CombinedHistory();
      combined.advance(END_MS);
      for (const gateway of [2, 0, 1]) {
        combined.add(
          secondsOf(
            exchanges.filter((one) => one.gateway === gateway),
            gateway,
          ),
        );
      }
      const expected = historyOf(exchanges, 0 + 1 + 2).points(END_MS);
      assert.deepEqual(combined.points(), expected);
      assert.deepEqual(combined.latest(), expected.at(-1));
    }),
  );
});

test("ten minutes of every duration that is told apart fit into a message", () => {
  const history = new TrafficHistory();
  history.keepCounts();
  for (let second = 0; second < 600; second++) {
    for (let doubling = 0; doubling < 31; doubling++) {
      for (let part = 0; part < 16; part++) {
        const us = Math.floor(2 ** doubling * (1 + part / 16));
        for (let count = 0; count < 100; count++) {
          history.add(START_MS + second * 1_000, 500, us, us, 1_000_000, 1_000_000_000);
        }
      }
    }
  }
  const seconds = history.seconds(START_MS + 600_000, 0, Infinity);
  assert.equal(seconds.length, 600);
  // Beside them there are processes, with what these have to do.
  assert.ok(JSON.stringify(seconds).length < (MESSAGE_MAX_BYTES * 2) / 3);
});

test("it does not matter which two are added first", () => {
  fc.assert(
    fc.property(EXCHANGES, EXCHANGES, EXCHANGES, (...all) => {
      const [a, b, c] = all.map((exchanges, index) => secondsOf(exchanges, index)[0]);
      assert.ok(a !== undefined && b !== undefined && c !== undefined);
      assert.deepEqual(sumOfSeconds(sumOfSeconds(a, b), c), sumOfSeconds(a, sumOfSeconds(b, c)));
      assert.deepEqual(sumOfSeconds(a, b), sumOfSeconds(b, a));
    }),
  );
});

test("what is told late is added to what was shown before", () => {
  const combined = new CombinedHistory();
  combined.advance(END_MS);
  const one = { gateway: 0, second: 3, status: 200, durationUs: 9, queueUs: null };
  combined.add(secondsOf([one], 1));
  assert.equal(combined.latest()?.requests, 1);
  combined.add(secondsOf([one, one], 1));
  assert.deepEqual([combined.latest()?.requests, combined.latest()?.waiting], [3, 2]);
});

test("ten minutes are kept, and none of them where the clock was set back", () => {
  const combined = new CombinedHistory();
  const [first] = secondsOf([], 0);
  assert.ok(first !== undefined);
  const endMs = START_MS + 900_000;
  assert.equal(combined.advance(endMs), false);
  combined.add(
    Array.from({ length: 900 }, (_, second) => ({ ...first, atMs: START_MS + second * 1_000 })),
  );
  assert.equal(combined.advance(endMs), false);
  assert.deepEqual(
    [combined.points().length, combined.points()[0]?.atMs, combined.latest()?.atMs],
    [600, endMs - 600_000, endMs - 1_000],
  );
  assert.equal(combined.advance(endMs + 2_000), false);
  assert.deepEqual([combined.points().length, combined.latest()], [598, null]);
  assert.equal(combined.advance(endMs), true);
  assert.deepEqual(combined.points(), []);
});
