/** Ten minutes of seconds, put together from streams that break off and begin again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PointHistory } from "../../../../src/server/dashboard/page/point-history.ts";
import type { TrafficPoint } from "../../../../src/server/observation/snapshot.ts";
import { PlayedObserved } from "../played-observed.ts";

const points = new PlayedObserved(1_800_000_000_000).history();
const times = (list: readonly TrafficPoint[]): number[] => list.map(({ atMs }) => atMs);

test("what comes twice is kept once, as it came last", () => {
  const history = new PointHistory();
  history.add(points.slice(0, 10));
  history.add(points.slice(9, 12));
  assert.deepEqual(times(history.points), times(points.slice(0, 12)));
  const [last] = points.slice(11, 12);
  assert.ok(last !== undefined);
  history.add([{ ...last, requests: 7 }]);
  assert.equal(history.points.at(-1)?.requests, 7);
  assert.equal(history.points.length, 12);
  history.add([]);
  assert.equal(history.points.length, 12);
});

test("nothing older than ten minutes is kept", () => {
  const history = new PointHistory();
  history.add(points);
  const [first, last] = [points[0], points.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  history.add([{ ...last, atMs: last.atMs + 300_000, serverErrors: 5 }]);
  assert.ok((history.points[0]?.atMs ?? 0) >= first.atMs + 300_000);
  const sum = history.points.reduce((total, { serverErrors }) => total + serverErrors, 0);
  assert.equal(history.serverErrors, sum);
});
