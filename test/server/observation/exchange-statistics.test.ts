/** Figures are those of the records, and what clients send makes no series. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ExchangeRoutes } from "../../../src/server/observation/exchange-routes.ts";
import {
  COUNTED_METHODS,
  ExchangeStatistics,
  STATUS_CLASSES,
} from "../../../src/server/observation/exchange-statistics.ts";
import { accessRecord, type RecordValues, STARTED_AT_MS } from "../access-log/records.ts";

function statisticsOf(...all: readonly RecordValues[]): ExchangeStatistics {
  const statistics = new ExchangeStatistics();
  for (const values of all) statistics.add(accessRecord(values));
  return statistics;
}

/** Those that are not 0. */
function counted(statistics: ExchangeStatistics): (readonly [string, string, string, number])[] {
  return statistics
    .requests()
    .filter(({ count }) => count > 0)
    .map(({ route, method, statusClass, count }) => [route, method, statusClass, count] as const);
}

test("requests are counted by method and class of status", () => {
  const statistics = statisticsOf(
    {},
    { status: 204 },
    { method: "POST", status: 303 },
    { method: "PURGE", status: 499, isAborted: true },
    { status: 499 },
    { method: null, status: 400 },
    { status: 503, workerPid: null, failure: "queue-full" },
  );
  assert.deepEqual(counted(statistics), [
    ["other", "GET", "2xx", 2],
    ["other", "GET", "4xx", 1],
    ["other", "GET", "5xx", 1],
    ["other", "POST", "3xx", 1],
    ["other", "other", "4xx", 2],
  ]);
  assert.equal(statistics.clientAborts, 1, "an application's own 499 is none");
});

test("series are there before there is anything to count, and do not become more", () => {
  const statistics = new ExchangeStatistics(new ExchangeRoutes(new Map([["/a", "a"]])));
  const before = statistics.requests().length;
  assert.equal(before, 2 * COUNTED_METHODS.length * STATUS_CLASSES.length);
  for (let index = 0; index < 1_000; index++) {
    const status = 100 + index;
    statistics.add(accessRecord({ method: `M${index}`, path: `/a${index}`, status }));
  }
  assert.equal(statistics.requests().length, before);
  const sum = statistics.requests().reduce((total, { count }) => total + count, 0);
  assert.equal(sum, 1_000, "each is counted somewhere, whatever its status");
});

test("times, contents and retries add up", () => {
  const statistics = statisticsOf(
    { durationUs: 6_000, queueUs: 30, applicationUs: 5_000, contentBytes: 10, retries: 1 },
    { durationUs: 1_000, queueUs: null, applicationUs: null, requestContentBytes: 7 },
  );
  assert.equal(statistics.duration.series(0).count, 2);
  assert.equal(statistics.duration.series(0).sumSeconds, 0.007);
  assert.equal(statistics.queueTime.series(0).count, 1);
  assert.equal(statistics.queueTime.series(0).sumSeconds, 0.00003);
  assert.equal(statistics.applicationTime.series(0).count, 1);
  assert.equal(statistics.applicationTime.series(0).sumSeconds, 0.005);
  assert.equal(statistics.responseContentBytes, 4_217);
  assert.equal(statistics.requestContentBytes, 7);
  assert.equal(statistics.retries, 1);
});

test("why there was a 5xx", () => {
  const statistics = statisticsOf(
    { status: 500 },
    { status: 500, failure: "application-error" },
    { status: 501, workerPid: null },
    { status: 504, failure: "timed-out" },
    { status: 200, failure: null },
  );
  const causes = statistics.serverErrors().filter(({ count }) => count > 0);
  assert.deepEqual(
    causes.map(({ cause, count }) => [cause, count]),
    [
      ["application", 1],
      ["gateway", 1],
      ["application-error", 1],
      ["timed-out", 1],
    ],
  );
});

test("routes have figures of their own", () => {
  const routes = new ExchangeRoutes(new Map([["/articles", "articles"]]));
  const statistics = new ExchangeStatistics(routes);
  statistics.add(accessRecord());
  statistics.add(accessRecord({ path: "/", durationUs: 1 }));
  assert.deepEqual(counted(statistics), [
    ["articles", "GET", "2xx", 1],
    ["other", "GET", "2xx", 1],
  ]);
  assert.equal(statistics.duration.series(0).sumSeconds, 0.006012);
});

test("an exchange belongs to the second in which it ended", () => {
  const statistics = statisticsOf({ durationUs: 2_000_000, requestContentBytes: 3 });
  const endedAtMs = STARTED_AT_MS + 2_000;
  const point = statistics.history.latest(endedAtMs + 1_000);
  assert.equal(point?.atMs, Math.floor(endedAtMs / 1_000) * 1_000);
  assert.equal(point?.requests, 1);
  assert.equal(point?.receivedBytes, 3);
  assert.equal(point?.sentBytes, 4_207);
});
