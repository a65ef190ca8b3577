/** Seconds follow each other without a gap, and each has what ended in it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  HISTORY_SECONDS,
  TrafficHistory,
} from "../../../src/server/observation/traffic-history.ts";
import { pointOf } from "../../../src/server/observation/traffic-second.ts";

const START_MS = 1_800_000_000_000;

function history(): { history: TrafficHistory; gauges: { waiting: number; connections: number } } {
  const gauges = { waiting: 0, connections: 0 };
  const traffic = new TrafficHistory();
  traffic.gauges = () => gauges;
  return { history: traffic, gauges };
}

test("a second has its requests, their quantiles, and what waits at its end", () => {
  const { history: traffic, gauges } = history();
  for (let us = 1; us <= 10; us++) traffic.add(START_MS + 500, 200, us, us === 10 ? 9 : null, 3, 5);
  traffic.add(START_MS + 999, 404, 5, null, 0, 1);
  traffic.add(START_MS + 999, 503, 5, null, 0, 1);
  assert.equal(traffic.latest(START_MS + 999), null, "a second that is not over is not told of");
  gauges.waiting = 4;
  gauges.connections = 7;
  traffic.advance(START_MS + 1_000);
  gauges.waiting = 0;
  assert.deepEqual(traffic.points(START_MS + 1_500), [
    {
      atMs: START_MS,
      requests: 12,
      serverErrors: 1,
      clientErrors: 1,
      p50Us: 5,
      p90Us: 9,
      p99Us: 10,
      queueP99Us: 9,
      receivedBytes: 30,
      sentBytes: 52,
      waiting: 4,
      connections: 7,
    },
  ]);
});

test("a second without requests is there, with nothing in it", () => {
  const { history: traffic } = history();
  traffic.add(START_MS, 200, 100, 1, 0, 0);
  const points = traffic.points(START_MS + 3_000);
  assert.deepEqual(
    points.map(({ atMs, requests }) => [atMs - START_MS, requests]),
    [
      [0, 1],
      [1_000, 0],
      [2_000, 0],
    ],
  );
  assert.equal(points[1]?.p50Us, null);
  assert.equal(points[1]?.queueP99Us, null);
  assert.deepEqual(traffic.latest(START_MS + 3_000), points[2]);
});

test("ten minutes are remembered", () => {
  const { history: traffic } = history();
  for (let second = 0; second < 700; second++) {
    traffic.add(START_MS + second * 1_000, 200, second, null, 0, 0);
  }
  const points = traffic.points(START_MS + 700_000);
  assert.equal(points.length, HISTORY_SECONDS);
  assert.equal(points[0]?.p50Us, 100);
  assert.equal(points.at(-1)?.p50Us, 699);
});

test("what is told of late belongs to the present second", () => {
  const { history: traffic } = history();
  traffic.add(START_MS + 2_000, 200, 1, null, 0, 0);
  traffic.add(START_MS + 900, 200, 1, null, 0, 0);
  assert.deepEqual(
    traffic.points(START_MS + 3_000).map(({ requests }) => requests),
    [2],
  );
});

test("where the clock is set, or stood still, history begins anew", () => {
  for (const jumpMs of [-3_600_000, 3_600_000]) {
    const { history: traffic } = history();
    traffic.add(START_MS, 200, 1, null, 0, 0);
    traffic.add(START_MS + 1_000, 200, 1, null, 0, 0);
    traffic.add(START_MS + jumpMs, 200, 1, null, 0, 0);
    assert.deepEqual(
      traffic.points(START_MS + jumpMs + 1_000).map(({ atMs }) => atMs - START_MS),
      [jumpMs],
    );
  }
});

test("seconds whose counts are kept have the same points; those asked for are told", () => {
  const { history: traffic, gauges } = history();
  traffic.keepCounts();
  gauges.connections = 3;
  // More than are kept, so that the ring has gone round.
  for (let second = 0; second < HISTORY_SECONDS + 100; second++) {
    for (let us = 1; us <= second % 7; us++) {
      traffic.add(START_MS + second * 1_000, 200 + 100 * us, us * 1_000, us, 10, 20);
    }
    traffic.advance(START_MS + (second + 1) * 1_000);
  }
  const endMs = START_MS + (HISTORY_SECONDS + 100) * 1_000;
  const points = traffic.points(endMs);
  assert.equal(points.length, HISTORY_SECONDS);
  assert.deepEqual(traffic.seconds(endMs, 0, Infinity).map(pointOf), points);
  const some = traffic.seconds(endMs, endMs - 5_000, endMs - 2_000);
  assert.deepEqual(
    some.map(({ atMs }) => endMs - atMs),
    [5_000, 4_000, 3_000],
  );
});
