/** Gateways are asked when somebody looks, once for all who do; who is silent is named. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import {
  GroupObservation,
  type ObservedProcess,
} from "../../../src/server/gateways/group-observation.ts";
import type { ObservedPart, PartWanted } from "../../../src/server/observation/observed-part.ts";
import { TrafficHistory } from "../../../src/server/observation/traffic-history.ts";
import { MemoryListener } from "../../net/memory-transport.ts";
import { STATUS } from "../control/fake-gateway.ts";

const START_MS = 1_800_000_000_000;
/** Of nobody. */
const PID = 2 ** 22 + 10;

let nowMs: number;
let gateways: PlayedGateway[];
let observation: GroupObservation;

class PlayedGateway implements ObservedProcess {
  readonly index: number;
  readonly pid: number;
  isAccepting = true;
  readonly asked: PartWanted[] = [];
  readonly history = new TrafficHistory();
  /** Answers that are held back; null while none are. */
  held: (() => void)[] | null = null;

  constructor(index: number) {
    this.index = index;
    this.pid = PID + index;
    this.history.keepCounts();
    this.history.advance(START_MS);
  }

  readonly ask = async (command: string, wanted: unknown): Promise<never> => {
    assert.equal(command, "observe");
    this.asked.push(wanted as PartWanted);
    if (this.held !== null) await new Promise<void>((resolve) => this.held?.push(resolve));
    return this.#part(wanted as PartWanted) as never;
  };

  serve(durationUs: number): void {
    this.history.add(nowMs, 200, durationUs, 0, 1, 1);
  }

  answer(): void {
    const { held } = this;
    this.held = null;
    for (const resolve of held ?? []) resolve();
  }

  #part({ fromMs, untilMs }: PartWanted): ObservedPart {
    return {
      status: { ...STATUS, pid: this.pid, connections: 1 },
      processes: [],
      connections: { open: 1, byPhase: { idle: 1 }, busiest: [] },
      descriptors: { used: 1, limit: 2 },
      errors: [],
      marks: [],
      seconds: this.history.seconds(nowMs, fromMs, untilMs),
    };
  }
}

/** Lets everything happen that waits for nothing. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  nowMs = START_MS;
  gateways = [new PlayedGateway(0), new PlayedGateway(1)];
  const [first, second] = [new MemoryListener(), new MemoryListener()];
  observation = new GroupObservation(
    {
      gateways: () => gateways,
      status: () => ({ ...STATUS, pid: process.pid, workers: { min: 2, max: 2 } }),
      sockets: () => [[first, second], [new MemoryListener()]],
      stack: (pid) => Promise.resolve({ kind: "refused", why: `${pid}` }),
    },
    2_048,
    { nowMs: () => nowMs - START_MS, epochMs: () => nowMs },
  );
});
afterEach(() => mock.timers.reset());

function asked(): number[] {
  return gateways.map((gateway) => gateway.asked.length);
}

test("nobody is asked before somebody looks; two who look at once are one question", async () => {
  await settle();
  assert.deepEqual(asked(), [0, 0]);
  const [one, other] = await Promise.all([observation.snapshot(5), observation.snapshot(0)]);
  assert.deepEqual(asked(), [1, 1]);
  assert.deepEqual([one.connections.open, other.status.connections], [2, 2]);
  assert.deepEqual(
    one.listeners.map(({ gateway }) => gateway),
    [0, 1, undefined],
  );
  assert.equal(one.processes[0]?.kind, "leader");
  assert.deepEqual(await observation.stack(7), { kind: "refused", why: "7" });
});

test("seconds are asked for once, when they are over, and stay when one is gone", async () => {
  const [one, other] = gateways as [PlayedGateway, PlayedGateway];
  one.serve(1_000);
  other.serve(3_000);
  other.serve(3_000);
  nowMs += 1_500;
  const { latest } = await observation.snapshot(0);
  assert.deepEqual([latest?.atMs, latest?.requests, latest?.p50Us], [START_MS, 3, 3_000]);
  assert.deepEqual(one.asked, [{ shownMax: 200, fromMs: 0, untilMs: START_MS + 1_000 }]);
  other.serve(9_000);
  gateways = [one];
  nowMs += 1_000;
  await observation.snapshot(0);
  assert.equal(one.asked[1]?.fromMs, START_MS + 1_000);
  assert.deepEqual(
    observation.history().map(({ requests }) => requests),
    [3, 0],
  );
});

test("one that is silent is named, not waited for again, and counts when it tells", async () => {
  const [one, other] = gateways as [PlayedGateway, PlayedGateway];
  one.serve(1_000);
  other.serve(1_000);
  other.held = [];
  nowMs += 1_000;
  const first = observation.snapshot(0);
  await settle();
  mock.timers.tick(2_000);
  const { status, latest, connections, processes } = await first;
  const states = status.gateways?.map(({ state }) => state);
  assert.deepEqual([states, latest?.requests, connections.open], [["serving", null], 1, 1]);
  const silent = processes.find(({ pid }) => pid === other.pid);
  assert.deepEqual([silent?.kind, silent?.number, silent?.state], ["gateway", 1, "silent"]);
  // No time passes here.
  const second = await observation.snapshot(0);
  assert.deepEqual([second.status.gateways?.[1]?.state, asked()], [null, [2, 1]]);
  other.answer();
  await settle();
  assert.deepEqual(
    observation.history().map(({ requests }) => requests),
    [2],
  );
  const third = await observation.snapshot(0);
  assert.deepEqual([third.status.gateways?.[1]?.state, asked()], ["serving", [3, 2]]);
});

test("one that does not serve yet is not asked", async () => {
  const [, other] = gateways as [PlayedGateway, PlayedGateway];
  other.isAccepting = false;
  const { status, processes } = await observation.snapshot(0);
  assert.deepEqual(asked(), [1, 0]);
  assert.equal(status.gateways?.[1]?.state, "starting");
  assert.equal(processes.find(({ pid }) => pid === other.pid)?.state, "starting");
});

test("where the clock was set back, everything is told once more", async () => {
  const [one] = gateways as [PlayedGateway, PlayedGateway];
  one.serve(1_000);
  nowMs += 3_000;
  await observation.snapshot(0);
  nowMs -= 1_000;
  const { latest } = await observation.snapshot(0);
  assert.equal(one.asked[1]?.fromMs, 0);
  assert.equal(latest?.atMs, START_MS + 1_000);
  assert.deepEqual(
    observation.history().map(({ requests }) => requests),
    [1, 0],
  );
});

test("marks are in their order", async () => {
  observation.mark("started", "serves");
  nowMs += 5;
  observation.mark("gateway-lost", "gateway 1 (PID 7) was ended by SIGKILL");
  const { marks } = await observation.snapshot(0);
  assert.deepEqual(
    marks.map(({ atMs, kind }) => [atMs - START_MS, kind]),
    [
      [0, "started"],
      [5, "gateway-lost"],
    ],
  );
});
