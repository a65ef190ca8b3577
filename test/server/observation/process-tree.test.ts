import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { ProcessFacts } from "../../../src/os/process-facts.ts";
import { ProcessTree } from "../../../src/server/observation/process-tree.ts";
import type { WorkerStatus } from "../../../src/workers/supervisor-status.ts";
import { GENERATION, STATUS } from "../control/fake-gateway.ts";

const GATEWAY = STATUS.pid;
const ZYGOTE = 4712;
const WORKER: WorkerStatus = {
  number: 3,
  pid: 4713,
  state: "ready",
  ageMs: 1_000.4,
  requests: 12,
  rssBytes: 50_000_000,
  busy: [{ request: "GET /slow", requestId: "id", ageMs: 20.6 }],
};
const BUSY = { ...STATUS, generations: [{ ...GENERATION, workers: [WORKER] }] };

/** Processes by number; their children follow from whose they are. */
const system = new Map<number, ProcessFacts>();

function put(pid: number, ppid: number, more: Partial<ProcessFacts> = {}): void {
  const facts = {
    name: "python3",
    state: "S",
    cpuMs: 0,
    childrenCpuMs: 0,
    startedMs: 9_000,
    rssBytes: 1,
  };
  system.set(pid, { ...facts, ppid, ...more });
}

function tree(): ProcessTree {
  return new ProcessTree({
    facts: (pid) => system.get(pid) ?? null,
    children: (pid) => [...system].filter(([, { ppid }]) => ppid === pid).map(([child]) => child),
  });
}

beforeEach(() => {
  system.clear();
  put(GATEWAY, 1, { name: "node" });
  put(ZYGOTE, GATEWAY);
  put(4710, 1);
  put(4713, ZYGOTE);
});

test("parents come before their children, with what the gateway knows of each", () => {
  const found = tree().look(BUSY, 0);
  assert.deepEqual(
    found.map(({ kind, pid, ppid }) => [kind, pid, ppid]),
    [
      ["gateway", GATEWAY, 1],
      ["zygote", ZYGOTE, GATEWAY],
      ["guardian", 4710, 1],
      ["worker", 4713, ZYGOTE],
    ],
  );
  const worker = found[3];
  assert.deepEqual(
    [worker?.number, worker?.requests, worker?.ageMs, worker?.rssBytes, worker?.generation],
    [3, 12, 1_000, 50_000_000, 1],
  );
  assert.deepEqual(worker?.busy, [{ request: "GET /slow", requestId: "id", ageMs: 21 }]);
});

test("what a worker has started is its child, and so on; a zombie is one", () => {
  put(5000, 4713, { name: "sh" });
  put(5001, 5000, { name: "sleep", state: "Z" });
  const others = tree()
    .look(BUSY, 0)
    .filter(({ kind }) => kind === "other");
  assert.deepEqual(
    others.map(({ pid, ppid, name, systemState, generation }) => ({
      pid,
      ppid,
      name,
      systemState,
      generation,
    })),
    [
      { pid: 5000, ppid: 4713, name: "sh", systemState: "S", generation: 1 },
      { pid: 5001, ppid: 5000, name: "sleep", systemState: "Z", generation: 1 },
    ],
  );
});

test("children are looked for once a second, and what has their number meanwhile is none", () => {
  put(5000, 4713, { name: "sh" });
  const looked = tree();
  const others = (nowMs: number): number[] =>
    looked
      .look(BUSY, nowMs)
      .filter(({ kind }) => kind === "other")
      .map(({ pid }) => pid);
  assert.deepEqual(others(0), [5000]);
  put(5000, 1, { name: "else" });
  put(5001, 4713, { name: "sh" });
  assert.deepEqual(others(200), []);
  assert.deepEqual(others(1_000), [5001]);
});

test("of several gateways the leader sees those that tell nothing, and what is under them", () => {
  const [leader, telling, silent, starting] = [4_000, GATEWAY, 4_100, 4_200];
  put(leader, 1, { name: "node" });
  put(telling, leader);
  put(silent, leader);
  put(starting, leader);
  put(4_101, silent);
  put(4_102, 4_101);
  // Nobody has waited for it yet.
  put(4_300, leader, { state: "Z" });
  const found = tree().lookAtLeader(
    { pid: leader, state: "serving" },
    [
      { pid: silent, number: 1, state: "silent" },
      { pid: starting, number: 2, state: "starting" },
    ],
    [telling],
    0,
  );
  assert.deepEqual(
    found.map(({ kind, pid, ppid, number, state }) => [kind, pid, ppid, number, state]),
    [
      ["leader", leader, 1, null, "serving"],
      ["gateway", silent, leader, 1, "silent"],
      ["other", 4_101, silent, null, null],
      ["other", 4_102, 4_101, null, null],
      ["gateway", starting, leader, 2, "starting"],
      ["other", 4_300, leader, null, null],
    ],
  );
  assert.equal(found[5]?.systemState, "Z");
});

test("what an application starts without end is listed up to a bound", () => {
  for (let pid = 10_000; pid < 12_000; pid++) put(pid, 4713);
  assert.ok(tree().look(BUSY, 0).length < 300);
});

test("so are the requests of very many workers", () => {
  const busy = Array.from({ length: 100 }, () => ({
    request: `GET /${"a".repeat(9_000)}`,
    requestId: "b".repeat(9_000),
    ageMs: 1,
  }));
  const workers = Array.from({ length: 512 }, (_, index) => {
    put(20_000 + index, ZYGOTE);
    return { ...WORKER, pid: 20_000 + index, number: index, busy };
  });
  const found = tree().look({ ...STATUS, generations: [{ ...GENERATION, workers }] }, 0);
  assert.equal(found.filter(({ kind }) => kind === "worker").length, 512);
  assert.ok(JSON.stringify(found).length < 1_500_000);
});

test("a share of a CPU is what was used between two looks", () => {
  const looked = tree();
  assert.equal(looked.look(BUSY, 0)[3]?.cpuShare, null);
  put(4713, ZYGOTE, { cpuMs: 500 });
  assert.equal(looked.look(BUSY, 2_000)[3]?.cpuShare, 0.25);
  // Too soon for a figure of its own.
  put(4713, ZYGOTE, { cpuMs: 600 });
  assert.equal(looked.look(BUSY, 2_100)[3]?.cpuShare, 0.25);
  assert.equal(looked.look(BUSY, 2_600)[3]?.cpuShare, 100 / 600);
});

test("ages are right also where the gateway's PID was that of a shell for long", () => {
  put(GATEWAY, 1, { name: "node", startedMs: 100_000 });
  put(ZYGOTE, GATEWAY, { startedMs: 160_000 });
  put(4710, 1, { startedMs: 160_300 });
  put(4713, ZYGOTE, { startedMs: 160_500 });
  const [, zygote, guardian, worker] = tree().look(BUSY, 0);
  assert.deepEqual([zygote?.ageMs, guardian?.ageMs, worker?.ageMs], [1_500, 1_200, 1_000]);
});

test("another process of that number has no share yet, nor has a look long after", () => {
  const looked = tree();
  looked.look(BUSY, 0);
  put(4713, ZYGOTE, { cpuMs: 500, startedMs: 9_900 });
  assert.equal(looked.look(BUSY, 2_000)[3]?.cpuShare, null);
  assert.equal(looked.look(BUSY, 100_000)[3]?.cpuShare, null);
});

test("where the system tells nothing, what the gateway knows is left", () => {
  system.clear();
  const found = tree().look(BUSY, 0);
  assert.deepEqual(
    found.map(({ kind, ppid, systemState, cpuMs, cpuShare }) => ({
      kind,
      ppid,
      systemState,
      cpuMs,
      cpuShare,
    })),
    ["gateway", "zygote", "guardian", "worker"].map((kind) => ({
      kind,
      ppid: null,
      systemState: null,
      cpuMs: null,
      cpuShare: null,
    })),
  );
  assert.equal(found[3]?.rssBytes, 50_000_000);
});
