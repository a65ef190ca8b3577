/** Several gateways' statuses as one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { GatewayStatus } from "../../../src/server/gateway-status.ts";
import { combinedStatus } from "../../../src/server/gateways/combined-status.ts";
import type { ReloadStatus } from "../../../src/workers/supervisor-status.ts";

const LEADER = {
  version: "1",
  pid: 1,
  application: "shop:app",
  startedAtMs: 5,
  state: "serving",
  addresses: ["http://127.0.0.1:80"],
  workers: { min: 3, max: 5 },
} as const;

function statusOf(pid: number, changes: Partial<GatewayStatus> = {}): GatewayStatus {
  return {
    version: "1",
    pid,
    application: "shop:app",
    startedAtMs: pid,
    state: "serving",
    addresses: [],
    connections: 10,
    queue: {
      waiting: 2,
      oldestMs: pid,
      wait: { count: 10, lastMs: 1, meanMs: pid, maxMs: 3, p50Ms: 1, p99Ms: pid },
    },
    workers: { min: 1, max: 3, target: 2 },
    generations: [
      {
        number: 1,
        state: "serving",
        zygotePid: pid + 1,
        guardianPid: pid + 2,
        workers: [],
        answered: 4,
        failed: 0,
        crashes: 0,
      },
    ],
    lastReload: null,
    ...changes,
  };
}

function reload(generation: number, outcome: ReloadStatus["outcome"], why: string): ReloadStatus {
  return { generation, outcome, why, atMs: 1, details: null };
}

test("figures are sums, times are the worst, the mean is that of all", () => {
  const [one, other] = [statusOf(100), statusOf(200)];
  const busy = { ...other.queue, wait: { ...other.queue.wait, count: 30 } };
  const status = combinedStatus(LEADER, [
    { index: 0, pid: 100, status: one },
    { index: 1, pid: 200, status: { ...other, queue: busy } },
  ]);
  assert.equal(status.pid, 1);
  assert.equal(status.connections, 20);
  assert.equal(status.queue.waiting, 4);
  assert.equal(status.queue.oldestMs, 200);
  assert.deepEqual(status.queue.wait, {
    count: 40,
    lastMs: 1,
    meanMs: 175,
    maxMs: 3,
    p50Ms: 1,
    p99Ms: 200,
  });
  assert.deepEqual(status.workers, { min: 3, max: 5, target: 4 });
  assert.deepEqual(
    status.generations.map(({ gatewayPid, zygotePid }) => [gatewayPid, zygotePid]),
    [
      [100, 101],
      [200, 201],
    ],
  );
  assert.deepEqual(
    status.gateways?.map(({ index, pid, connections }) => [index, pid, connections]),
    [
      [0, 100, 10],
      [1, 200, 10],
    ],
  );
});

test("one that does not answer is named, and counts for nothing", () => {
  const status = combinedStatus(LEADER, [
    { index: 0, pid: 100, status: null },
    { index: 1, pid: 200, status: statusOf(200) },
  ]);
  assert.equal(status.connections, 10);
  assert.deepEqual(status.gateways?.[0], {
    index: 0,
    pid: 100,
    state: null,
    startedAtMs: null,
    connections: null,
    waiting: null,
    workers: null,
  });
});

test("with no gateway at all there are no figures, and none of them is broken", () => {
  const status = combinedStatus(LEADER, []);
  assert.deepEqual([status.connections, status.queue.wait.meanMs, status.lastReload], [0, 0, null]);
});

test("of reloads the newest counts, and where gateways differ the worst", () => {
  const lastReloadOf = (...reloads: (ReloadStatus | null)[]): string | null =>
    combinedStatus(
      LEADER,
      reloads.map((lastReload, index) => ({
        index,
        pid: index,
        status: statusOf(index, { lastReload }),
      })),
    ).lastReload?.why ?? null;
  const [old, served, failed] = [
    reload(2, "rolled-back", "old"),
    reload(3, "serving", "served"),
    reload(3, "failed", "failed"),
  ];
  assert.equal(lastReloadOf(old, served, null), "served");
  assert.equal(lastReloadOf(served, failed), "failed");
  assert.equal(lastReloadOf(served, reload(3, "rolled-back", "back"), failed), "back");
});
