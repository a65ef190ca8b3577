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

/** A script takes longer than other properties: this many, and more with `npm run check:long`. */
const { numRuns: askedRuns = 0 } = fc.readConfigureGlobal();
const RUNS_MAX = 4_000;
const numRuns = (runs: number): { numRuns: number } => ({
  numRuns: askedRuns > 0 ? Math.min(askedRuns, RUNS_MAX) : runs,
});
/** Until whatever was hung has been found out, killed and replaced, with all pauses between. */
const CALM_MS = 40_000;
const STUCK_MS = 8_000;
const CALM_TRIES = 50;
/** Requests that keep all channels of all workers busy at once. */
const EVERYBODY = 24;
/** What a worker of class `request` takes for one request, its birth and its end included. */
const FORK_AND_ANSWER_MS = 20;

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
    drainTimeoutMs: fc.option(fc.integer({ min: 500, max: 3_000 })),
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

/** The code of the generation that has the traffic; null while it has no zygote. */
function servedCode({ machine, serving }: SupervisorSimulation): Code | null {
  const zygote = machine.livingZygotes.find(({ generation }) => generation === serving);
  return zygote?.code ?? null;
}

/**
 * Nothing happens any more, and the code is good.
 *
 * @param reloads whether there is a reload also where good code serves
 */
async function calmDown(simulation: SupervisorSimulation, reloads: boolean): Promise<void> {
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
  // Who hangs is found out by the requests that are not answered: enough for everybody to get one.
  for (let count = 0; count < EVERYBODY; count++) simulation.submit(false);
  await simulation.pass(CALM_MS / 2);
  const code = servedCode(simulation);
  if (reloads || (code !== null && code !== "good")) {
    const reload = simulation.reload();
    await simulation.passUntil("an end of the reload", 3 * START_TIMEOUT_MS, () => {
      return reload.outcome !== null;
    });
    assert.equal(reload.outcome?.kind, "serving", "good code on a calm machine gets to serve");
  }
  // A range shrinks half a minute after its last request; whoever does not end then, since the
  // zygote hangs, is found out after that.
  await simulation.pass(CALM_MS);
}

/** Whether as many workers as there should be are there, and nothing else. */
function isCalm({ machine, supervisor }: SupervisorSimulation): boolean {
  const { generations, workers } = supervisor.status();
  const states = generations.flatMap((generation) => generation.workers.map(({ state }) => state));
  return (
    generations.length === 1 &&
    states.length === workers.target &&
    states.every((state) => state === "ready") &&
    machine.livingZygotes.length === 1 &&
    machine.livingWorkers.length === workers.target
  );
}

/** With --max-lifetime there is a worker in replacement now and then, but not always. */
async function assertCalm(simulation: SupervisorSimulation): Promise<void> {
  for (let tries = 0; tries < CALM_TRIES && !isCalm(simulation); tries++) await simulation.pass(7);
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
    new Set(machine.livingWorkers.map(({ pid }) => pid)),
    new Set(serving?.workers.map(({ pid }) => pid)),
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

test("whatever happened, in the end there are as many workers as asked for", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, scripts, fc.boolean(), async (shape, script, reloads) => {
      await using simulation = new SupervisorSimulation(shape);
      await play(simulation, script);
      await calmDown(simulation, reloads);
      if (simulation.started === true) {
        await assertCalm(simulation);
        await assertServes(simulation);
      }
      await stopAndCheck(simulation, 1_000);
    }),
    numRuns(200),
  );
});

const UNFIT: readonly Code[] = [
  "broken",
  "ends-import",
  "hangs-import",
  "ends-workers",
  "silent",
  "unready",
];

test("a reload that fails changes nothing: not a request, not a worker", async () => {
  const codes = fc.constantFrom(...UNFIT);
  await fc.assert(
    fc.asyncProperty(shapes, codes, fc.nat({ max: 40 }), async (shape, code, pauseMs) => {
      const calm = { ...shape, requestsMax: null, lifetimeMs: null, asksReadiness: true };
      await using simulation = new SupervisorSimulation({ ...calm, max: calm.min });
      const { machine } = simulation;
      await simulation.passUntil("a start", START_TIMEOUT_MS, () => simulation.started === true);
      const before = machine.livingWorkers;
      machine.code = code;
      const reload = simulation.reload();
      while (reload.outcome === null) {
        await simulation.turn(() => void simulation.submit(true));
        await simulation.pass(pauseMs + FORK_AND_ANSWER_MS);
      }
      assert.equal(reload.outcome.kind, "failed");
      await simulation.pass(STUCK_MS);
      assert.equal(simulation.serving, 1);
      if (shape.workerClass !== "request") assert.deepEqual(machine.livingWorkers, before);
      assert.equal(machine.livingZygotes.length, 1);
      assert.equal(simulation.supervisor.status().lastReload?.outcome, "failed");
      assert.ok(simulation.clients.every(({ sink }) => sink.status === 200));
      assert.equal(simulation.refused, 0);
    }),
    numRuns(60),
  );
});

test("code that fails under its first requests is taken back by itself", async () => {
  const codes = fc.constantFrom<Code>("fails", "crashes");
  await fc.assert(
    fc.asyncProperty(shapes, codes, async (shape, code) => {
      const watched = { ...shape, requestsMax: null, lifetimeMs: null };
      await using simulation = new SupervisorSimulation({
        ...watched,
        watchWindowMs: WATCH_WINDOW_MS,
      });
      const { machine, supervisor } = simulation;
      await simulation.passUntil("a start", START_TIMEOUT_MS, () => simulation.started === true);
      machine.code = code;
      const reload = simulation.reload();
      await simulation.passUntil("a reload", START_TIMEOUT_MS, () => reload.outcome !== null);
      assert.equal(reload.outcome?.kind, "serving");
      await simulation.passUntil("a way back", WATCH_WINDOW_MS, () => {
        simulation.submit(false);
        return supervisor.status().lastReload?.outcome === "rolled-back";
      });
      assert.equal(simulation.serving, 1);
      await simulation.pass(CALM_MS);
      machine.code = "good";
      await assertCalm(simulation);
      await assertServes(simulation);
      simulation.checkClients();
    }),
    numRuns(60),
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
    numRuns(300),
  );
});

test("the scripts reach the cases that they are there for", async () => {
  const reached = new Set<string>();
  const samples = fc.sample(fc.tuple(shapes, scripts), { numRuns: 60, seed: 3 });
  for (const [shape, script] of samples) {
    await using simulation = new SupervisorSimulation(shape);
    await play(simulation, script);
    await simulation.pass(CALM_MS);
    reached.add(`started: ${simulation.started}`);
    for (const { outcome } of simulation.reloads) if (outcome !== null) reached.add(outcome.kind);
    for (const { sink } of simulation.clients) {
      reached.add(sink.failure ?? `answered ${sink.status}`);
    }
    for (const count of simulation.begun.values()) if (count > 1) reached.add("run again");
    const { lastReload } = simulation.supervisor.status();
    if (lastReload?.outcome === "rolled-back") reached.add("rolled back");
  }
  assert.deepEqual([...reached].toSorted(), [
    "answered 200",
    "answered 500",
    "failed",
    "queue-timed-out",
    "rolled back",
    "run again",
    "serving",
    "started: false",
    "started: true",
    "timed-out",
    "worker-exited",
  ]);
});
