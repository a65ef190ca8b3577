/** The dispatcher against random workers, clients, generations and times, thousands of runs. */
import { test } from "node:test";
import assert from "node:assert/strict";

import fc from "fast-check";

import { Simulation, STEP_KINDS, type StepKind } from "./dispatcher-simulation.ts";

const stepKind = fc.oneof(
  { weight: 8, arbitrary: fc.constant("submit" as const) },
  { weight: 6, arbitrary: fc.constant("end-turn" as const) },
  { weight: 8, arbitrary: fc.constant("run-on" as const) },
  { weight: 4, arbitrary: fc.constant("answer-one" as const) },
  { weight: 2, arbitrary: fc.constant("die" as const) },
  { weight: 2, arbitrary: fc.constant("birth" as const) },
  { weight: 14, arbitrary: fc.constantFrom(...STEP_KINDS) },
);
const steps = fc.array(fc.tuple(stepKind, fc.nat({ max: 150 })), {
  minLength: 20,
  maxLength: 150,
  size: "max",
});

function simulate(script: readonly [StepKind, number][], quick: boolean): Simulation {
  const simulation = new Simulation();
  if (quick) {
    // Only an application that is known to be quick gets batches, where the hard cases are.
    const teacher = simulation.fixture.addWorker();
    simulation.fixture.learnQuick(teacher);
    simulation.fixture.kill(teacher);
    simulation.addProcess(1);
  }
  simulation.addProcess(0);
  for (const [kind, number] of script) simulation.step(kind, number);
  simulation.finish();
  simulation.checkOutcomes();
  return simulation;
}

for (const quick of [false, true]) {
  const what = quick ? "batches" : "single requests";
  test(`with ${what}: one outcome each, nothing run twice, no crossing, whatever happens`, () => {
    fc.assert(fc.property(steps, (script) => void simulate(script, quick)));
  });
}

test("the simulation reaches the cases that it is there for", () => {
  const reached = new Set<string>();
  for (const [index, script] of fc.sample(steps, { numRuns: 300, seed: 1 }).entries()) {
    const { clients, executions } = simulate(script, index % 2 === 0);
    for (const { sink, cancelled, probed, job } of clients) {
      const outcome = cancelled ? "cancelled" : (sink.failure ?? "answered");
      reached.add(probed === null ? outcome : `probe ${outcome}`);
      if (job.moved) reached.add("moved");
    }
    if (Math.max(0, ...executions.values()) > 1) reached.add("run again");
  }
  const expected = [
    "answered",
    "cancelled",
    "moved",
    "probe answered",
    "probe cancelled",
    "probe timed-out",
    "probe worker-exited",
    "queue-timed-out",
    "run again",
    "timed-out",
    "worker-exited",
  ];
  assert.deepEqual([...reached].toSorted(), expected);
});
