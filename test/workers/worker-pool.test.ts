/** What is said and counted of a worker that ends, where its channel is seen to end first. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type LogFields, NULL_LOG } from "../../src/base/log.ts";
import { type Shape, SupervisorSimulation } from "./supervisor-simulation.ts";

const SIGKILL = 9;
const SHAPE: Shape = {
  workerClass: "process",
  threads: 1,
  min: 2,
  max: 2,
  requestsMax: null,
  lifetimeMs: null,
  watchWindowMs: null,
  asksReadiness: false,
};

/** @param ended fields of each line that a worker has ended */
async function start(ended: LogFields[]): Promise<SupervisorSimulation> {
  const error = (message: string, fields: LogFields = {}): void => {
    if (message === "a worker ended") ended.push(fields);
  };
  const simulation = new SupervisorSimulation(SHAPE, { ...NULL_LOG, error });
  await simulation.passUntil("the start", 5_000, () => simulation.supervisor.ready);
  return simulation;
}

describe("a worker that ends", () => {
  it("by the SIGKILL of somebody else: the line has signal and hint, no more", async () => {
    const ended: LogFields[] = [];
    await using simulation = await start(ended);
    const { machine, supervisor } = simulation;
    const pids = machine.livingWorkers.map(({ pid }) => pid);
    const replaced = (): boolean => machine.livingWorkers.length === 2 && ended.length === 2;
    for (const worker of machine.livingWorkers) machine.endWorker(worker, { signal: SIGKILL });
    await simulation.passUntil("others in their place", 5_000, replaced);
    const hint = "the kernel does that where memory runs out";
    assert.deepEqual(
      ended,
      pids.map((pid) => ({ pid, signal: "SIGKILL", hint })),
    );
    assert.equal(supervisor.status().generations[0]?.crashes, 2);
  });

  it("by ours, because it closed its channel and went on: the line says that", async () => {
    const ended: LogFields[] = [];
    await using simulation = await start(ended);
    const [worker] = simulation.machine.livingWorkers;
    assert.ok(worker !== undefined);
    worker.hung = true;
    worker.channels[0]?.player.stream.deliverEnd();
    await simulation.passUntil("its end", 5_000, () => ended.length > 0);
    assert.deepEqual(ended, [{ pid: worker.pid, signal: "SIGKILL", reason: "closed its channel" }]);
    assert.equal(simulation.supervisor.status().generations[0]?.crashes, 0);
  });
});
