/** Ends of workers: what is said of them, and how long one may go on beside its successor. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Log, type LogFields, NULL_LOG } from "../../src/base/log.ts";
import type { FakeWorkerProcess } from "./fake-machine.ts";
import { chunkFrame, headFrame, type SentRequest } from "./fake-worker.ts";
import { type Shape, SupervisorSimulation } from "./supervisor-simulation.ts";

const SIGKILL = 9;
const SHAPE: Shape = {
  workerClass: "process",
  threads: 1,
  min: 2,
  max: 2,
  requestsMax: null,
  lifetimeMs: null,
  drainTimeoutMs: null,
  watchWindowMs: null,
  asksReadiness: false,
};

const DRAIN_TIMEOUT_MS = 5_000;
/** Longer than anything here takes. */
const FOREVER_MS = 10_000_000;
const PIECE_INTERVAL_MS = 500;

/** @param ended fields of each line that a worker has ended */
async function start(
  ended: LogFields[],
  shape: Partial<Shape> = {},
  warn: Log["warn"] = () => {},
): Promise<SupervisorSimulation> {
  const error = (message: string, fields: LogFields = {}): void => {
    if (message === "a worker ended") ended.push(fields);
  };
  const simulation = new SupervisorSimulation({ ...SHAPE, ...shape }, { ...NULL_LOG, error, warn });
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

/** An answer that its worker goes on with, a piece at a time, while its channel is open. */
class EndlessAnswer {
  readonly worker: FakeWorkerProcess;
  readonly #simulation: SupervisorSimulation;
  readonly #request: SentRequest;

  private constructor(simulation: SupervisorSimulation, worker: FakeWorkerProcess) {
    const [request] = worker.channels[0]?.player.requests.slice(-1) ?? [];
    assert.ok(request !== undefined);
    this.#simulation = simulation;
    this.#request = request;
    this.worker = worker;
    worker.channels[0]?.player.send(headFrame(request));
  }

  static async begin(simulation: SupervisorSimulation): Promise<EndlessAnswer> {
    simulation.machine.serviceMs = FOREVER_MS;
    simulation.submit(false);
    await simulation.pass(1);
    const worker = simulation.machine.livingWorkers.find(({ channels }) => channels[0]?.begun);
    assert.ok(worker !== undefined);
    return new EndlessAnswer(simulation, worker);
  }

  get isOpen(): boolean {
    return this.worker.channels[0]?.player.stream.closed === false;
  }

  async goOn(untilMs: number): Promise<void> {
    const { machine } = this.#simulation;
    while (this.isOpen && machine.nowMs < untilMs) {
      this.worker.channels[0]?.player.send(chunkFrame(this.#request, "piece"));
      await this.#simulation.pass(PIECE_INTERVAL_MS);
    }
  }
}

describe("a worker that is replaced while it answers", () => {
  const CAUSES: readonly (readonly [string, Partial<Shape>, (of: SupervisorSimulation) => void])[] =
    [
      ["a reload", {}, (simulation) => void simulation.reload()],
      ["--max-requests", { requestsMax: 1 }, () => {}],
    ];

  for (const [cause, shape, replace] of CAUSES) {
    it(`has --drain-timeout for it, after ${cause}`, async () => {
      const ended: LogFields[] = [];
      const lines: (readonly [string, LogFields])[] = [];
      const settings = { min: 1, max: 1, ...shape, drainTimeoutMs: DRAIN_TIMEOUT_MS };
      await using simulation = await start(ended, settings, (message, fields = {}) =>
        lines.push([message, fields]),
      );
      const { machine, clients } = simulation;
      const answer = await EndlessAnswer.begin(simulation);
      const beganAtMs = machine.nowMs;
      replace(simulation);
      await answer.goOn(beganAtMs + 2 * DRAIN_TIMEOUT_MS);
      const tookMs = machine.nowMs - beganAtMs;
      assert.ok(tookMs > DRAIN_TIMEOUT_MS && tookMs < DRAIN_TIMEOUT_MS + 1_500, `${tookMs} ms`);
      assert.equal(clients[0]?.sink.failure, "worker-exited");
      const [[message, fields] = ["", {}], ...more] = lines;
      assert.equal(message, "a worker was ended while it had a request");
      assert.equal(fields["pid"], answer.worker.pid);
      assert.match(String(fields["why"]), /--drain-timeout/);
      assert.deepEqual(more, []);
      await simulation.passUntil("its end", 20_000, () => !answer.worker.alive);
      assert.deepEqual(ended, [], "it is no accident");
      assert.equal(machine.livingWorkers.length, 1);
    });
  }

  it("goes on for as long as it likes where that is off", async () => {
    await using simulation = await start([], { min: 1, max: 1 });
    const answer = await EndlessAnswer.begin(simulation);
    simulation.reload();
    await answer.goOn(simulation.machine.nowMs + 100 * DRAIN_TIMEOUT_MS);
    assert.ok(answer.isOpen);
    assert.equal(simulation.serving, 2);
  });
});
