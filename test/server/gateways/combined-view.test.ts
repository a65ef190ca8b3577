/** Several gateways' views as one: sums agree, and what is listed is in one order and bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  combinedConnections,
  combinedErrors,
  combinedMarks,
  combinedSnapshot,
  fullest,
  type LeaderView,
} from "../../../src/server/gateways/combined-view.ts";
import type { RankedConnections } from "../../../src/server/observation/busiest-connections.ts";
import type { ObservedPart } from "../../../src/server/observation/observed-part.ts";
import type {
  ConnectionSnapshot,
  ErrorSnapshot,
  MarkSnapshot,
  ProcessSnapshot,
} from "../../../src/server/observation/snapshot.ts";
import { STATUS } from "../control/fake-gateway.ts";

const CONNECTION: ConnectionSnapshot = {
  local: "192.0.2.1:80",
  remote: "192.0.2.7:1",
  descriptor: 9,
  phase: "idle",
  ageMs: 1,
  requests: 1,
  receivedBytes: 1,
  sentBytes: 1,
  unsentBytes: 0,
  request: null,
};
const PROCESS: ProcessSnapshot = {
  pid: 100,
  ppid: 1,
  kind: "gateway",
  name: "node",
  generation: null,
  number: null,
  state: "serving",
  systemState: "S",
  ageMs: 1,
  cpuMs: 1,
  cpuShare: null,
  rssBytes: 1,
  requests: null,
  busy: [],
};
const LEADER: LeaderView = {
  atMs: 5_000,
  status: { ...STATUS, pid: 1, workers: { min: 2, max: 2 } },
  processes: [{ ...PROCESS, pid: 1, ppid: 0, kind: "leader" }],
  listeners: [],
  marks: [],
  latest: null,
};

function partOf(pid: number, changes: Partial<ObservedPart> = {}): ObservedPart {
  return {
    status: { ...STATUS, pid, connections: 3 },
    processes: [
      { ...PROCESS, pid },
      { ...PROCESS, pid: pid + 1, ppid: pid, kind: "zygote", generation: 1 },
      { ...PROCESS, pid: pid + 2, ppid: pid + 1, kind: "worker", number: 1 },
    ],
    connections: { open: 0, byPhase: {}, busiest: [] },
    descriptors: { used: 10, limit: 100 },
    errors: [],
    marks: [],
    seconds: [],
    ...changes,
  };
}

function error(atMs: number): ErrorSnapshot {
  return { atMs, status: 500, request: "", requestId: null, workerPid: null, durationUs: 1 };
}

function mark(atMs: number, kind: MarkSnapshot["kind"], text: string): MarkSnapshot {
  return { atMs, kind, text };
}

test("connections: counts are added, and the busiest of all are listed", () => {
  const phases = fc.dictionary(fc.constantFrom("idle", "head", "answer"), fc.nat(50));
  const connections: fc.Arbitrary<RankedConnections> = fc
    // As of which gateway ranks them: so many at most, and the busiest first.
    .record({ byPhase: phases, activities: fc.array(fc.nat(20), { maxLength: 5 }) })
    .map(({ byPhase, activities }) => ({
      open: Object.values(byPhase).reduce((sum, count) => sum + count, 0),
      byPhase,
      busiest: activities
        .toSorted((one, other) => other - one)
        .map((activity) => ({ activity, shown: CONNECTION })),
    }));
  fc.assert(
    fc.property(connections, connections, connections, (a, b, c) => {
      const all = combinedConnections([a, b, c], 5);
      assert.deepEqual(combinedConnections([combinedConnections([a, b], 5), c], 5), all);
      assert.deepEqual(combinedConnections([a, combinedConnections([b, c], 5)], 5), all);
      assert.equal(
        Object.values(all.byPhase).reduce((sum, count) => sum + count, 0),
        all.open,
      );
      const activities = [a, b, c].flatMap(({ busiest }) =>
        busiest.map(({ activity }) => activity),
      );
      assert.deepEqual(
        all.busiest.map(({ activity }) => activity),
        activities.toSorted((one, other) => other - one).slice(0, 5),
      );
    }),
  );
});

test("errors are the newest of all, the newest first; events the last, the oldest first", () => {
  const times = fc.array(fc.nat(1_000), { maxLength: 60 });
  fc.assert(
    fc.property(times, times, times, (...all) => {
      const [a = [], b = [], c = []] = all.map((list) =>
        list.toSorted((one, other) => other - one).map(error),
      );
      const errors = combinedErrors([a, b, c]);
      assert.deepEqual(combinedErrors([combinedErrors([a, b]), c]), errors);
      const newest = all.flat().toSorted((one, other) => other - one);
      assert.deepEqual(
        errors.map(({ atMs }) => atMs),
        newest.slice(0, 50),
      );
      const [x = [], y = [], z = []] = all.map((list) =>
        list.toSorted((one, other) => one - other).map((atMs) => mark(atMs, "scale", "")),
      );
      const marks = combinedMarks([x, y, z]);
      assert.deepEqual(combinedMarks([x, combinedMarks([y, z])]), marks);
      assert.deepEqual(
        marks.map(({ atMs }) => atMs),
        newest.slice(0, 100).toReversed(),
      );
    }),
  );
});

test("the tree has the leader first, then gateways in their order, with parents", () => {
  const silent = { ...PROCESS, pid: 200, ppid: 1, number: 1, state: "silent" };
  const { processes, status } = combinedSnapshot(
    { ...LEADER, processes: [...LEADER.processes, silent] },
    [
      { index: 0, pid: 100, part: partOf(100) },
      { index: 1, pid: 200, part: null },
      {
        index: 2,
        pid: 300,
        part: partOf(300, { processes: [{ ...PROCESS, pid: 300, ppid: null }] }),
      },
      { index: 3, pid: 400, part: null, isStarting: true },
    ],
    10,
  );
  assert.deepEqual(
    processes.map(({ kind, pid, ppid, number }) => [kind, pid, ppid, number]),
    [
      ["leader", 1, 0, null],
      ["gateway", 100, 1, 0],
      ["gateway", 200, 1, 1],
      ["gateway", 300, 1, 2],
      ["zygote", 101, 100, null],
      ["worker", 102, 101, 1],
    ],
  );
  assert.equal(status.connections, 6);
  assert.deepEqual(
    status.gateways?.map(({ index, state }) => [index, state]),
    [
      [0, "serving"],
      [1, null],
      [2, "serving"],
      [3, "starting"],
    ],
  );
});

test("what happens in all gateways is marked once; what happens in one says in which", () => {
  const { marks } = combinedSnapshot(
    { ...LEADER, marks: [mark(2, "started", "serves"), mark(9, "reload", "generation 2 serves")] },
    [0, 1].map((index) => ({
      index,
      pid: 100 * (index + 1),
      part: partOf(100 * (index + 1), {
        marks: [
          mark(1, "started", "serves"),
          mark(5 + index, "worker-lost", "worker 1 ended"),
          mark(8, "reload", "generation 2 serves"),
        ],
      }),
    })),
    10,
  );
  assert.deepEqual(marks, [
    mark(2, "started", "serves"),
    mark(5, "worker-lost", "gateway 0: worker 1 ended"),
    mark(6, "worker-lost", "gateway 1: worker 1 ended"),
    mark(9, "reload", "generation 2 serves"),
  ]);
});

test("connections and descriptors say whose they are", () => {
  const busiest = (activity: number): RankedConnections => ({
    open: 1,
    byPhase: { idle: 1 },
    busiest: [{ activity, shown: CONNECTION }],
  });
  const { connections, descriptors } = combinedSnapshot(
    LEADER,
    [
      { index: 0, pid: 100, part: partOf(100, { connections: busiest(5) }) },
      {
        index: 1,
        pid: 200,
        part: partOf(200, { connections: busiest(7), descriptors: { used: 8, limit: 10 } }),
      },
    ],
    10,
  );
  assert.deepEqual(connections, {
    open: 2,
    byPhase: { idle: 2 },
    shown: [
      { ...CONNECTION, gateway: 1 },
      { ...CONNECTION, gateway: 0 },
    ],
  });
  assert.deepEqual(descriptors, { used: 8, limit: 10, gateway: 1 });
  assert.deepEqual(fullest([]), { used: null, limit: null });
  const unlimited = { used: 50_000, limit: null };
  assert.deepEqual(fullest([{ used: null, limit: 5 }, unlimited]), unlimited);
});

test("what gateways list without end together is cut as for one", () => {
  const others = (pid: number): ProcessSnapshot[] =>
    Array.from({ length: 200 }, (_, index) => ({
      ...PROCESS,
      kind: "other" as const,
      pid: pid + 10 + index,
      ppid: pid,
    }));
  const busy = Array.from({ length: 500 }, () => ({ request: "", requestId: null, ageMs: 1 }));
  const { processes } = combinedSnapshot(
    LEADER,
    [1_000, 2_000].map((pid, index) => ({
      index,
      pid,
      part: partOf(pid, {
        processes: [{ ...PROCESS, pid }, { ...PROCESS, kind: "worker", busy }, ...others(pid)],
      }),
    })),
    10,
  );
  assert.equal(processes.filter(({ kind }) => kind === "other").length, 256);
  assert.equal(
    processes.reduce((sum, found) => sum + found.busy.length, 0),
    700,
  );
});
