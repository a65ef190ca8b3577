/** What is measured by which arguments, and that the records of the works fit together. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { CHARTED_WORKS } from "../../bench/chart.ts";
import { EVERY_PEER } from "../../bench/goals.ts";
import { type Plan, plannedEntrants, plannedLoad, readPlan } from "../../bench/plan.ts";
import { APPLICATIONS_FOLDER } from "../../bench/servers.ts";
import type { Work } from "../../bench/work.ts";
import { WORKS } from "../../bench/works.ts";

const plan = (...argv: string[]): Plan => readPlan(argv, WORKS);

function workCalled(name: string): Work {
  const work = WORKS.find((one) => one.name === name);
  assert.ok(work, name);
  return work;
}

test("without arguments everything is measured, in five rounds", () => {
  const { works, rounds, seconds, chart, force } = plan();
  assert.deepEqual(
    works,
    WORKS.map(({ name }) => name),
  );
  assert.deepEqual(
    { rounds, seconds, chart, force },
    {
      rounds: 5,
      seconds: null,
      chart: null,
      force: false,
    },
  );
});

test("a quick run has two rounds of the main works", () => {
  const { works, rounds } = plan("--quick");
  assert.deepEqual(works, [...CHARTED_WORKS]);
  assert.equal(rounds, 2);
});

test("works can be named, in any order and twice; --app is an older word for the main ones", () => {
  assert.deepEqual(plan("--work", "start", "--work", "hello", "--work", "start").works, [
    "hello",
    "start",
  ]);
  assert.deepEqual(plan("--app", "flask", "--quick").works, ["flask"]);
  assert.throws(() => plan("--work", "helo"), /^Error: --work helo: one of hello, flask, /);
  assert.throws(() => plan("--app", "start"), /--app start: one of hello, flask, django, pyramid$/);
});

test("numbers are whole and positive", () => {
  assert.equal(plan("--rounds", "9").rounds, 9);
  for (const wrong of ["0", "-1", "1.5", "many", ""]) {
    assert.throws(() => plan(`--seconds=${wrong}`), /--seconds .*: a whole number, 1 or more/);
  }
  assert.throws(() => plan("--fast"), /--fast/);
});

test("a work's load is its own where the run says nothing", () => {
  const hello = workCalled("latency-4");
  assert.deepEqual(plannedLoad(hello, plan()), hello.load);
  const changed = plannedLoad(hello, plan("--seconds=1", "--connections=7"));
  assert.deepEqual(changed, { ...hello.load, seconds: 1, connections: 7 });
  const mixed = workCalled("mixed");
  assert.deepEqual(plannedLoad(mixed, plan("--seconds=1")), { ...mixed.load, seconds: 1 });
});

test("--only takes a server with all its settings, or one entrant", () => {
  const idle = workCalled("idle-10000");
  const names = (...argv: string[]): string[] =>
    plannedEntrants(idle, plan("--work=idle-10000", ...argv)).map(({ name }) => name);
  assert.deepEqual(names("--only=portico"), ["portico", "portico, 10,000 idle"]);
  assert.deepEqual(names("--only=portico, 10,000 idle"), ["portico, 10,000 idle"]);
  assert.throws(
    () => names("--only=bjoern"),
    /--only bjoern: one of portico; portico, 10,000 idle/,
  );
});

test("each work has a name, a module, and goals about who takes part in it", () => {
  const names = WORKS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, module, entrants, goals } of WORKS) {
    assert.ok(existsSync(path.join(APPLICATIONS_FOLDER, `${module}.py`)), `${name}: ${module}`);
    const entered = entrants.map((entrant) => entrant.name);
    assert.equal(new Set(entered).size, entered.length, name);
    assert.ok(goals.length > 0, name);
    for (const { entrant, bound } of goals) {
      const peers = bound.kind === "limit" || bound.peer === EVERY_PEER ? [] : [bound.peer];
      for (const party of [entrant, ...peers])
        assert.ok(entered.includes(party), `${name}: ${party}`);
    }
  }
});
