/** How measurements become the table: medians, ratios, goals. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Measurement } from "../../bench/measure.ts";
import { goalLines, median, summarize, table } from "../../bench/summary.ts";

function measurement(server: string, cpu: number, errors: string | null = null): Measurement {
  return {
    server,
    cpuMicrosecondsPerRequest: cpu,
    requestsPerSecond: 1e6 / cpu,
    p50Ms: 1,
    p99Ms: 2,
    proportionalSetMib: 30,
    processes: 1,
    errors,
  };
}

test("the median of an odd and of an even number of values", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test("rounds are summed up by server, in the order of the first round", () => {
  const summaries = summarize([
    measurement("portico", 10),
    measurement("bjoern", 8),
    measurement("portico", 14),
    measurement("bjoern", 8, "Socket errors: connect 1"),
    measurement("portico", 11),
  ]);
  assert.deepEqual(
    summaries.map(({ server, rounds, cpuMin, cpuMedian }) => [server, rounds, cpuMin, cpuMedian]),
    [
      ["portico", 3, 10, 11],
      ["bjoern", 2, 8, 8],
    ],
  );
  assert.deepEqual(summaries[1]?.errors, ["Socket errors: connect 1"]);
});

test("ratios are to the median of the peer, and left open where it was not measured", () => {
  const text = table(summarize([measurement("portico", 12), measurement("bjoern", 8)]));
  const row = text.split("\n").find((line) => line.startsWith("portico"));
  assert.match(row ?? "", /^portico +12\.0 +12\.0 +1\.50 +- /);
});

test("a goal is met or missed, and not mentioned where the peer is missing", () => {
  const met = goalLines(
    summarize([
      measurement("portico", 12),
      measurement("bjoern", 8),
      measurement("portico", 14),
      measurement("bjoern", 8),
    ]),
  );
  assert.deepEqual(met, [
    "Goal met: 1.50 times the CPU of bjoern, best rounds (medians 1.63); at most 1.5 is wanted.",
  ]);
  const missed = goalLines(summarize([measurement("portico", 20), measurement("granian", 40)]));
  assert.equal(missed.length, 1);
  assert.match(missed[0] ?? "", /^Goal missed: 0\.50 times the CPU of granian, .* at most 0\.4 /);
});
