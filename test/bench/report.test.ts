/** What a run prints: tables, goals, and how each server was started. */
import assert from "node:assert/strict";
import test from "node:test";
import { describeSettings, entrant } from "../../bench/entrants.ts";
import { goal, judge } from "../../bench/goals.ts";
import { readPlan } from "../../bench/plan.ts";
import { describeRun, describeWork, type WorkResult } from "../../bench/report.ts";
import { summarize } from "../../bench/summary.ts";
import { WORKS } from "../../bench/works.ts";
import { measurement } from "./measurements.ts";

const summaries = summarize([
  measurement("portico", { startMs: 400 }, { errors: "Non-2xx or 3xx responses: 3" }),
  measurement("bjoern", { startMs: 300 }),
]);

const result: WorkResult = {
  name: "start",
  about: "from nothing to an answer",
  module: "hello",
  metrics: ["startMs"],
  load: { kind: "start" },
  settings: { portico: "portico --workers=1", bjoern: "run_bjoern.py" },
  summaries,
  verdicts: judge(
    [
      goal("startMs", { kind: "limit", limit: 500 }),
      goal("startMs", { kind: "plus", plus: 50, peer: "bjoern" }),
    ],
    summaries,
  ),
  measurements: [],
  failures: ["granian failed in round 1: no answer"],
};

test("a work's section has its rows, what failed, and its goals", () => {
  const text = describeWork(result, 1);
  assert.match(text, /^== start: from nothing to an answer\n.*1 round in turn/);
  assert.match(text, /^bjoern +300 +300 +0\.75/m);
  assert.match(text, /^ {2}portico: Non-2xx or 3xx responses: 3$/m);
  assert.match(text, /^granian failed in round 1: no answer$/m);
  assert.match(text, /^Goal met: .* at most 500\.$/m);
  assert.match(text, /^Goal missed: .* at most 50 more\.$/m);
});

test("the end names the goals that were not met, and says each server's settings once", () => {
  const machine = { cpu: "c", memory: "m", kernel: "k", load: "l", node: "n", commit: "abc" };
  const text = describeRun({
    time: "",
    plan: readPlan([], WORKS),
    machine,
    versions: { bjoern: "3.2.2" },
    works: [result, { ...result, name: "again" }],
  });
  assert.match(text, /^== 2 goals met, 2 missed, 0 open$/m);
  assert.match(text, /^ {2}again: Goal missed: /m);
  assert.doesNotMatch(text, /Goal met/);
  assert.equal(text.split("portico --workers=1").length, 2);
  assert.match(text, /^ {2}commit: abc$/m);
  assert.match(text, /bjoern 3\.2\.2/);
});

test("settings are the command as it was given, without what is this machine's own", () => {
  const [command, reason] = describeSettings(entrant("portico", { workers: 4 })).split("\n");
  assert.equal(command, "portico --workers=4 --access-log=off --bind=127.0.0.1:8000 MODULE:app");
  assert.match(reason ?? "", /^ {4}\S/);
  assert.match(describeSettings(entrant("granian")), / --blocking-threads=1 /);
  assert.doesNotMatch(describeSettings(entrant("granian", { threads: null })), /threads=/);
  const logged = entrant("portico", { flags: ["--access-log=file"] });
  assert.doesNotMatch(describeSettings(logged), /--access-log=off/);
});
