import assert from "node:assert/strict";
import { test } from "node:test";

import {
  nextWorkerState,
  type WorkerEvent,
  type WorkerState,
} from "../../src/workers/worker-state.ts";

/** Every state with every event; null where it is a mistake. */
const TABLE: readonly [WorkerState, WorkerEvent, WorkerState | null][] = [
  ["starting", "said-ready", "ready"],
  ["starting", "taken-out", "ending"],
  ["starting", "reaped", "exited"],
  ["starting", "outlived", null],
  ["ready", "said-ready", null],
  ["ready", "taken-out", "ending"],
  ["ready", "reaped", "exited"],
  ["ready", "outlived", "leaving"],
  ["leaving", "said-ready", null],
  ["leaving", "outlived", "leaving"],
  ["leaving", "taken-out", "ending"],
  ["leaving", "reaped", "exited"],
  ["ending", "said-ready", "ending"],
  ["ending", "outlived", "ending"],
  ["ending", "taken-out", "ending"],
  ["ending", "reaped", "exited"],
  ["exited", "said-ready", "exited"],
  ["exited", "outlived", "exited"],
  ["exited", "taken-out", "exited"],
  ["exited", "reaped", null],
];

for (const [state, event, next] of TABLE) {
  test(`a worker that is ${state} and ${event} is ${next ?? "impossible"}`, () => {
    if (next === null) assert.throws(() => nextWorkerState(state, event), /invariant/);
    else assert.equal(nextWorkerState(state, event), next);
  });
}

test("the table is total: each event is known in each state", () => {
  const states: readonly WorkerState[] = ["starting", "ready", "leaving", "ending", "exited"];
  const events: readonly WorkerEvent[] = ["said-ready", "outlived", "taken-out", "reaped"];
  assert.equal(TABLE.length, states.length * events.length);
  const pairs = new Set(TABLE.map(([state, event]) => `${state} ${event}`));
  assert.equal(pairs.size, TABLE.length);
});
