/** Which goals count as met, missed and open. */
import assert from "node:assert/strict";
import test from "node:test";
import { EVERY_PEER, goal, judge, times } from "../../bench/goals.ts";
import { summarize } from "../../bench/summary.ts";
import { measurement } from "./measurements.ts";

test("a multiple of a peer's figure is judged by the best rounds, medians are named", () => {
  const summaries = summarize([
    measurement("portico", { cpuUsPerRequest: 12 }),
    measurement("bjoern", { cpuUsPerRequest: 8 }),
    measurement("portico", { cpuUsPerRequest: 14 }),
    measurement("bjoern", { cpuUsPerRequest: 8 }),
  ]);
  const [met, missed] = judge(
    [goal("cpuUsPerRequest", times(1.5, "bjoern")), goal("cpuUsPerRequest", times(1.49, "bjoern"))],
    summaries,
  );
  assert.equal(met?.outcome, "met");
  assert.equal(met.limit, 12);
  assert.equal(missed?.outcome, "missed");
  assert.equal(
    met.sentence,
    "Goal met: CPU µs/request: portico 12.0, 1.50 x bjoern's 8.0 " +
      "(medians: 1.63 x bjoern's); wanted: at most 1.5 x.",
  );
});

test("of rates, more is better", () => {
  const summaries = summarize([
    measurement("portico", { requestsPerSecond: 200 }),
    measurement("granian", { requestsPerSecond: 101 }),
  ]);
  const goals = [
    goal("requestsPerSecond", times(1.9, "granian")),
    goal("requestsPerSecond", times(2, "granian")),
  ];
  assert.deepEqual(
    judge(goals, summaries).map(({ outcome }) => outcome),
    ["met", "missed"],
  );
  assert.match(judge(goals, summaries)[1]?.sentence ?? "", /wanted: at least 2 x\.$/);
});

test("every peer means the best of them, whatever their order", () => {
  const rounds = [
    measurement("waitress", { p99Ms: 9 }),
    measurement("portico", { p99Ms: 5 }),
    measurement("granian", { p99Ms: 4 }),
    measurement("portico, 2 workers", { p99Ms: 1 }),
  ];
  for (const order of [rounds, rounds.toReversed()]) {
    const [verdict] = judge([goal("p99Ms", times(1, EVERY_PEER))], summarize(order));
    assert.equal(verdict?.peer, "granian");
    assert.equal(verdict.outcome, "missed");
  }
  const rates = rounds.map(({ entrant }, index) =>
    measurement(entrant, { mibPerSecond: [9, 5, 4, 1][index] ?? 0 }),
  );
  const [verdict] = judge([goal("mibPerSecond", times(1, EVERY_PEER))], summarize(rates));
  assert.equal(verdict?.peer, "waitress");
});

test("a difference to a peer", () => {
  const summaries = summarize([
    measurement("portico", { startMs: 500 }),
    measurement("gunicorn sync", { startMs: 400 }),
  ]);
  const [within, beyond] = [100, 99].map((plus) =>
    judge([goal("startMs", { kind: "plus", plus, peer: "gunicorn sync" })], summaries).at(0),
  );
  assert.equal(within?.outcome, "met");
  assert.match(
    within.sentence,
    /portico 500, 100 more than gunicorn sync's 400 .* at most 100 more/,
  );
  assert.equal(beyond?.outcome, "missed");
});

test("a limit of its own needs no peer", () => {
  const summaries = summarize([measurement("portico", { requestsPerCpuSecond: 299 })]);
  const [verdict] = judge([goal("requestsPerCpuSecond", { kind: "limit", limit: 300 })], summaries);
  assert.equal(verdict?.outcome, "missed");
  assert.equal(verdict.peer, null);
  assert.match(verdict.sentence, /portico 299 \(medians: 299\); wanted: at least 300\.$/);
});

test("what full CPUs cannot show is open, and only where the goal says so", () => {
  const name = "portico, 4 workers";
  const rounds = (machineBusyPercent: number, rate: number) =>
    summarize([
      measurement("portico", { requestsPerSecondPerWorker: 100, machineBusyPercent: 60 }),
      measurement(name, { requestsPerSecondPerWorker: rate, machineBusyPercent }),
    ]);
  const scaling = goal("requestsPerSecondPerWorker", times(0.9, "portico"), {
    entrant: name,
    isOpenWhenBusy: true,
  });
  const outcome = (busy: number, rate: number, one = scaling): string | undefined =>
    judge([one], rounds(busy, rate))[0]?.outcome;
  assert.equal(outcome(94, 89), "missed");
  assert.equal(outcome(95, 89), "open");
  assert.equal(outcome(99, 90), "met");
  assert.equal(outcome(99, 89, { ...scaling, isOpenWhenBusy: false }), "missed");
});

test("without figures of both there is no verdict", () => {
  const summaries = summarize([measurement("portico", { p50Ms: 1 })]);
  const goals = [goal("p50Ms", times(1, "bjoern")), goal("p99Ms", { kind: "limit", limit: 1 })];
  assert.deepEqual(judge(goals, summaries), []);
});
