/** Counters of CPU time do not fall, whoever ends, and lose nothing that was waited for. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { ProcessFacts } from "../../../src/os/process-facts.ts";
import { CpuTimes } from "../../../src/server/observation/cpu-times.ts";
import { GENERATION, STATUS } from "../control/fake-gateway.ts";

const GATEWAY = STATUS.pid;
const WORKER = { state: "ready", ageMs: 1, requests: 1, rssBytes: 1, busy: [] } as const;

const system = new Map<number, ProcessFacts>();

function put(pid: number, ppid: number, cpuMs: number, childrenCpuMs = 0): void {
  const rest = { name: "python3", state: "S", startedMs: 9_000, rssBytes: 1 };
  system.set(pid, { ...rest, ppid, cpuMs, childrenCpuMs });
}

/** @param tree workers by their zygote */
function status(tree: Readonly<Record<number, readonly number[]>>): typeof STATUS {
  const generations = Object.entries(tree).map(([zygotePid, pids], index) => ({
    ...GENERATION,
    number: index + 1,
    zygotePid: Number(zygotePid),
    workers: pids.map((pid, number) => ({ ...WORKER, number, pid })),
  }));
  return { ...STATUS, generations };
}

/** @param onLook called before each process is looked at */
function cpuTimes(onLook: (pid: number) => void = () => {}): CpuTimes {
  const facts = (pid: number): ProcessFacts | null => {
    onLook(pid);
    return system.get(pid) ?? null;
  };
  return new CpuTimes(GATEWAY, { facts, ownMs: () => 7 });
}

beforeEach(() => {
  system.clear();
  // It has waited for others before there was a zygote.
  put(GATEWAY, 1, 0, 40);
});

test("each kind has the time of its processes, and of what workers have waited for", () => {
  const times = cpuTimes();
  put(100, GATEWAY, 300);
  put(101, 100, 1_000);
  put(102, 100, 500, 50);
  assert.deepEqual(times.read(status({ 100: [101, 102] })), {
    gateway: 7,
    zygotes: 300,
    workers: 1_550,
  });
});

test("a worker that ends takes nothing along, also of what nobody had read", () => {
  const times = cpuTimes();
  put(100, GATEWAY, 300);
  put(101, 100, 1_000);
  times.read(status({ 100: [101] }));
  system.delete(101);
  put(100, GATEWAY, 310, 1_200);
  put(102, 100, 10);
  assert.deepEqual(times.read(status({ 100: [102] })), {
    gateway: 7,
    zygotes: 310,
    workers: 1_210,
  });
});

test("one that has the number of a worker that ended is none", () => {
  const times = cpuTimes();
  put(100, GATEWAY, 0, 1_000);
  put(101, 1, 70_000);
  assert.equal(times.read(status({ 100: [101] })).workers, 1_000);
});

test("a worker that ends while they are looked at is in the figures once", () => {
  let ends = true;
  const times = cpuTimes((pid) => {
    if (pid !== 101 || !ends) return;
    ends = false;
    system.delete(101);
    put(100, GATEWAY, 300, 1_000);
  });
  put(100, GATEWAY, 300);
  put(101, 100, 1_000);
  assert.equal(times.read(status({ 100: [101] })).workers, 1_000);
  assert.equal(times.read(status({ 100: [] })).workers, 1_000);
});

test("a generation that ends takes nothing along", () => {
  const times = cpuTimes();
  put(100, GATEWAY, 300, 100);
  put(101, 100, 1_000);
  put(200, GATEWAY, 50);
  put(201, 200, 5);
  times.read(status({ 100: [101], 200: [201] }));
  system.delete(100);
  system.delete(101);
  // What the zygote used after it was last read cannot be told from its workers' time.
  put(GATEWAY, 1, 0, 40 + 310 + 1_100);
  assert.deepEqual(times.read(status({ 200: [201] })), {
    gateway: 7,
    zygotes: 350,
    workers: 1_115,
  });
});

test("what nobody has waited for is lost, but nothing falls, and new time counts at once", () => {
  const times = cpuTimes();
  put(100, GATEWAY, 300);
  put(101, 100, 1_000);
  times.read(status({ 100: [101] }));
  system.clear();
  put(GATEWAY, 1, 0, 40 + 300);
  put(200, GATEWAY, 0);
  put(201, 200, 0);
  assert.deepEqual(times.read(status({ 200: [201] })), {
    gateway: 7,
    zygotes: 300,
    workers: 1_000,
  });
  put(201, 200, 60);
  assert.equal(times.read(status({ 200: [201] })).workers, 1_060);
});

test("where the system does not tell, only the gateway's own is known", () => {
  system.clear();
  const unknown = { gateway: 7, zygotes: null, workers: null };
  assert.deepEqual(cpuTimes().read(status({ 100: [101] })), unknown);
});
