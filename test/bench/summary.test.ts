/** How measurements become the table: best rounds, medians, ratios. */
import assert from "node:assert/strict";
import test from "node:test";
import { median, summarize, table } from "../../bench/summary.ts";
import { measurement } from "./measurements.ts";

test("the median of an odd and of an even number of values", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test("rounds are summed up by entrant, in the order of the first round", () => {
  const summaries = summarize([
    measurement("portico", { cpuUsPerRequest: 10, requestsPerSecond: 90 }),
    measurement("bjoern", { cpuUsPerRequest: 8 }),
    measurement("portico", { cpuUsPerRequest: 14, requestsPerSecond: 100 }),
    measurement("bjoern", { cpuUsPerRequest: 8 }, { errors: "Socket errors: connect 1" }),
    measurement("portico", { cpuUsPerRequest: 11, requestsPerSecond: 70 }),
  ]);
  assert.deepEqual(
    summaries.map(({ entrant, rounds, best, median: middle }) => [entrant, rounds, best, middle]),
    [
      [
        "portico",
        3,
        { cpuUsPerRequest: 10, requestsPerSecond: 100 },
        { cpuUsPerRequest: 11, requestsPerSecond: 90 },
      ],
      ["bjoern", 2, { cpuUsPerRequest: 8 }, { cpuUsPerRequest: 8 }],
    ],
  );
  assert.deepEqual(summaries[1]?.errors, ["Socket errors: connect 1"]);
});

test("ratios are to Portico's median, in the first metric", () => {
  const summaries = summarize([
    measurement("portico", { cpuUsPerRequest: 8, p50Ms: 1 }),
    measurement("bjoern", { cpuUsPerRequest: 12, p50Ms: 3 }),
  ]);
  const rows = table(summaries, ["cpuUsPerRequest", "p50Ms"], new Set()).split("\n");
  assert.match(rows[2] ?? "", /^bjoern +12\.0 +12\.0 +1\.50 +3\.000 +1 +-$/);
  const alone = table(summaries.slice(1), ["cpuUsPerRequest"], new Set()).split("\n");
  assert.match(alone[1] ?? "", /^bjoern +12\.0 +12\.0 +- +1 +-$/);
});

test("the best round is shown of the first metric and of those that goals are about", () => {
  const summaries = summarize([
    measurement("portico", { cpuUsPerRequest: 8, p50Ms: 1, p99Ms: 4 }),
    measurement("portico", { cpuUsPerRequest: 10, p50Ms: 3, p99Ms: 6 }),
  ]);
  const judged = new Set(["p99Ms"] as const);
  const [heads, row] = table(summaries, ["cpuUsPerRequest", "p50Ms", "p99Ms"], judged).split("\n");
  assert.match(heads ?? "", /CPU µs\/request best +median +\/portico +p50 ms +p99 ms best +median/);
  assert.match(row ?? "", /^portico +8\.0 +9\.0 +1\.00 +2\.000 +4\.000 +5\.000 +1 +-$/);
});

test("a figure that an entrant does not have is left open", () => {
  const summaries = summarize([measurement("portico", { p99Ms: 2 })]);
  assert.match(table(summaries, ["p99Ms", "gatewayBytesPerConnection"], new Set()), / - +1 +-$/);
});
