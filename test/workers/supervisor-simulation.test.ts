/**
 * The supervisor under everything that can happen to it, by seed: workers and zygotes that die,
 * hang, and talk nonsense, forks that fail, code that is broken in each way, reloads, scaling and
 * stops at any time. `check:long` plays many more scripts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { type Code, CODES, type FakeWorkerProcess } from "./fake-machine.ts";
import {
  type Shape,
  START_TIMEOUT_MS,
  STOP_SLACK_MS,
  SupervisorSimulation,
  TIMEOUT_MS,
  WATCH_WINDOW_MS,
} from "./supervisor-simulation.ts";

/** Until whatever was hung has been found out, killed and replaced, with all pauses between. */
const CALM_MS = 40_000;
const STUCK_MS = 8_000;

const STEP_KINDS = [
  "get",
  "post",
  "time",
  "code",
  "reload",
  "scale",
  "kill-worker",
  "exit-worker",
  "hang-worker",
  "stick-worker",
  "nonsense",
  "growth",
  "slow",
  "kill-zygote",
  "hang-zygote",
  "control-nonsense",
  "forks-fail",
  "links-fail",
] as const;
type StepKind = (typeof STEP_KINDS)[number];
type Script = readonly (readonly [kind: StepKind, number: number])[];

const shapes: fc.Arbitrary<Shape> = fc
  .record({
    workerClass: fc.constantFrom("process" as const, "thread" as const, "request" as const),
    min: fc.integer({ min: 1, max: 3 }),
    more: fc.integer({ min: 0, max: 2 }),
    requestsMax: fc.option(fc.integer({ min: 1, max: 8 })),
    lifetimeMs: fc.option(fc.integer({ min: 1_000, max: 20_000 }), { freq: 3 }),
    watchWindowMs: fc.option(fc.constant(WATCH_WINDOW_MS), { freq: 4 }),
    asksReadiness: fc.boolean(),
  })
  .map(({ more, ...rest }) => ({
    ...rest,
    max: rest.min + more,
    threads: rest.workerClass === "thread" ? 2 : 1,
  }));

const stepKind = fc.oneof(
  { weight: 6, arbitrary: fc.constant("get" as const) },
  { weight: 3, arbitrary: fc.constant("post" as const) },
  { weight: 8, arbitrary: fc.constant("time" as const) },
  { weight: 3, arbitrary: fc.constant("reload" as const) },
  { weight: 3, arbitrary: fc.constant("code" as const) },
  { weight: 16, arbitrary: fc.constantFrom(...STEP_KINDS) },
);
const scripts: fc.Arbitrary<Script> = fc.array(fc.tuple(stepKind, fc.nat({ max: 1_000 })), {
  minLength: 5,
  maxLength: 50,
  size: "max",
});

function step(simulation: SupervisorSimulation, kind: StepKind, number: number): void {
  const { machine } = simulation;
  const workers = machine.livingWorkers;
  const worker: FakeWorkerProcess | undefined = workers[number % Math.max(1, workers.length)];
  const zygotes = machine.livingZygotes;
  const zygote = zygotes[number % Math.max(1, zygotes.length)];
  switch (kind) {
    case "get":
    case "post":
      for (let count = 0; count <= number % 3; count++) simulation.submit(kind === "post");
      break;
    case "time":
      break;
    case "code":
      machine.code = number % 2 === 0 ? "good" : (CODES[number % CODES.length] as Code);
      break;
    case "reload":
      if (simulation.started === true) simulation.reload();
      break;
    case "scale": {
      const min = 1 + (number % 4);
      simulation.scale(min, min + (number % 3));
      break;
    }
    case "kill-worker":
      if (worker !== undefined) machine.endWorker(worker, { signal: 9 });
      break;
    case "exit-worker":
      if (worker !== undefined) machine.endWorker(worker, { status: number % 2 });
      break;
    case "hang-worker":
      if (worker !== undefined) worker.hung = true;
      break;
    case "stick-worker":
      if (worker === undefined) break;
      worker.hung = true;
      worker.stuckUntilMs = machine.nowMs + STUCK_MS;
      break;
    case "nonsense":
      if (worker !== undefined) machine.talkNonsense(worker);
      break;
    case "growth":
      if (worker !== undefined) machine.reportGrowth(worker);
      break;
    case "slow":
      machine.serviceMs = [1, 3, 20, 300, TIMEOUT_MS * 2][number % 5] ?? 3;
      break;
    case "kill-zygote":
      if (zygote !== undefined) machine.killZygote(zygote);
      break;
    case "hang-zygote":
      if (zygote !== undefined) zygote.hung = true;
      break;
    case "control-nonsense":
      if (zygote !== undefined) machine.breakControl(zygote);
      break;
    case "forks-fail":
      machine.forksToFail = number % 4;
      break;
    case "links-fail":
      machine.linksToFail = number % 4;
      break;
    default:
      kind satisfies never;
  }
}

/** Plays a script, from the start on. */
async function play(simulation: SupervisorSimulation, script: Script): Promise<void> {
  for (const [kind, number] of script) {
    await simulation.turn(() => step(simulation, kind, number));
    await simulation.pass(kind === "time" ? number : number % 8);
    simulation.check();
  }
}

/** Nothing happens any more, and the code is good. */
async function calmDown(simulation: SupervisorSimulation): Promise<void> {
  const { machine } = simulation;
  machine.code = "good";
  machine.serviceMs = 3;
  machine.forksToFail = 0;
  machine.linksToFail = 0;
  await simulation.passUntil("an end of the start", 3 * START_TIMEOUT_MS, () => {
    return simulation.started !== null;
  });
  if (simulation.started === false) return;
  await simulation.passUntil("an end of the reloads", 10 * START_TIMEOUT_MS, () => {
    return simulation.reloads.every(({ outcome }) => outcome !== null);
  });
  // What was hung before may still be killed, or found hung, and take its generation with it.
  const reload = simulation.reload();
  await simulation.passUntil("an end of the reload", 3 * START_TIMEOUT_MS, () => {
    return reload.outcome !== null;
  });
  assert.equal(reload.outcome?.kind, "serving", "good code on a calm machine gets to serve");
  await simulation.pass(CALM_MS);
}

function assertCalm(simulation: SupervisorSimulation): void {
  const { machine, supervisor } = simulation;
  const { generations, workers } = supervisor.status();
  assert.deepEqual(
    generations.map(({ state }) => state),
    ["serving"],
  );
  const [serving] = generations;
  const states = serving?.workers.map(({ state }) => state) ?? [];
  assert.deepEqual(
    states,
    Array.from({ length: workers.target }, () => "ready"),
  );
  assert.equal(machine.livingZygotes.length, 1, "one zygote is left");
  assert.deepEqual(
    machine.livingWorkers.map(({ pid }) => pid).toSorted(),
    serving?.workers.map(({ pid }) => pid).toSorted(),
    "no worker is left that nobody knows",
  );
  simulation.checkClients();
}

async function assertServes(simulation: SupervisorSimulation): Promise<void> {
  for (let count = 0; count < 12; count++) {
    const client = simulation.submit(count % 2 === 0);
    await simulation.turn();
    await simulation.pass(200);
    assert.equal(client?.sink.status, 200, `request ${count} is answered`);
  }
}

async function stopAndCheck(simulation: SupervisorSimulation, boundMs: number): Promise<void> {
  const { machine, supervisor } = simulation;
  await simulation.turn(() => simulation.stop(boundMs));
  await simulation.passUntil("the end", boundMs + STOP_SLACK_MS, () => simulation.stopped === true);
  await simulation.pass(STUCK_MS);
  assert.deepEqual(supervisor.status().generations, []);
  assert.deepEqual([machine.livingZygotes.length, machine.livingWorkers.length], [0, 0]);
  for (const { outcome } of simulation.reloads) assert.notEqual(outcome, null);
}

test("after whatever happened, there are as many workers as asked for, and they serve", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, scripts, async (shape, script) => {
      await using simulation = new SupervisorSimulation(shape);
      await play(simulation, script);
      await calmDown(simulation);
      if (simulation.started === true) {
        assertCalm(simulation);
        await assertServes(simulation);
      }
      await stopAndCheck(simulation, 1_000);
    }),
  );
});

test("a stop ends at any time, and leaves nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      shapes,
      scripts,
      fc.constantFrom(0, 500, 5_000),
      async (shape, script, boundMs) => {
        await using simulation = new SupervisorSimulation(shape);
        await play(simulation, script);
        await stopAndCheck(simulation, boundMs);
      },
    ),
  );
});
