import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ServerMoment, serverSide } from "../../../src/cli/load/server-side.ts";
import type { GatewayStatus } from "../../../src/server/gateway-status.ts";

interface Facts {
  readonly generation?: number;
  readonly pids: readonly number[];
  readonly answered: number;
  readonly cpuMs: readonly (readonly [pid: number, ms: number])[];
  readonly waits?: number;
  readonly gatewayPids?: readonly number[];
}

/** Only what is looked at. */
function moment(facts: Facts): ServerMoment {
  const { generation = 1, pids, answered, cpuMs, waits = 0, gatewayPids } = facts;
  const status = {
    version: "1.0",
    application: "shop:app",
    pid: 1,
    ...(gatewayPids === undefined ? {} : { gateways: gatewayPids.map((pid) => ({ pid })) }),
    queue: { waiting: 0, oldestMs: 0, wait: { count: waits, meanMs: 2.5, p99Ms: 11 } },
    generations: [
      {
        number: generation,
        state: "serving",
        answered,
        failed: 0,
        workers: pids.map((pid) => ({ pid, rssBytes: 1_000 })),
      },
    ],
  };
  return { path: "", status: status as unknown as GatewayStatus, cpuMs: new Map(cpuMs) };
}

describe("the server's side of a load", () => {
  const before = moment({
    pids: [2, 3],
    answered: 10,
    cpuMs: [
      [1, 100],
      [2, 50],
      [3, 50],
    ],
  });

  it("is what has changed between two moments", () => {
    const cpuMs = [
      [1, 130],
      [2, 90],
      [3, 55],
    ] as const;
    const side = serverSide(before, moment({ pids: [2, 3], answered: 25, cpuMs, waits: 15 }));
    assert.equal(side.answered, 15);
    assert.deepEqual(side.cpuMs, { gateway: 30, workers: 45 });
    assert.deepEqual(side.queueWait, { meanMs: 2.5, p99Ms: 11 });
    assert.deepEqual(side.workers, {
      before: 2,
      after: 2,
      replaced: 0,
      rssBytesBefore: 2_000,
      rssBytesAfter: 2_000,
    });
  });

  it("says nothing of CPU time where workers were replaced", () => {
    const side = serverSide(before, moment({ pids: [2, 9], answered: 25, cpuMs: [[1, 130]] }));
    assert.equal(side.workers.replaced, 1);
    assert.equal(side.cpuMs.workers, null);
    assert.equal(side.queueWait, null, "nothing waited in the last minute");
  });

  it("counts the CPU time of several gateways, and of the process that leads them", () => {
    const facts = { pids: [2], answered: 0, gatewayPids: [11, 12] };
    const used = (leader: number, ...gateways: number[]): Facts["cpuMs"] => [
      [1, leader],
      [2, 5],
      ...gateways.map((ms, index) => [11 + index, ms] as const),
    ];
    const early = moment({ ...facts, cpuMs: used(10, 100, 200) });
    const side = serverSide(early, moment({ ...facts, cpuMs: used(11, 130, 270) }));
    assert.equal(side.gateways, 2);
    assert.deepEqual(side.cpuMs, { gateway: 1 + 30 + 70, workers: 0 });
    const replaced = moment({ ...facts, gatewayPids: [11, 13], cpuMs: used(11, 130) });
    assert.equal(serverSide(early, replaced).cpuMs.gateway, null, "one was replaced");
  });

  it("says nothing of requests where the code is another", () => {
    const after = moment({ generation: 2, pids: [7], answered: 5, cpuMs: [] });
    const side = serverSide(before, after);
    assert.deepEqual(side.generation, { before: 1, after: 2 });
    assert.equal(side.answered, null);
    assert.equal(side.failed, null);
    assert.deepEqual(side.cpuMs, { gateway: null, workers: null });
  });
});
