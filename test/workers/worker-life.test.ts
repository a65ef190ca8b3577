import assert from "node:assert/strict";
import { test } from "node:test";

import {
  channelSettings,
  expiryMs,
  isTooLargeFromBirth,
  type WorkerLifeSettings,
} from "../../src/workers/worker-life.ts";

const MIB = 1_048_576;
const LIFE: WorkerLifeSettings = {
  workerClass: "process",
  threads: 1,
  requestsMax: null,
  requestsJitter: 0,
  rssMaxBytes: 100 * MIB,
  lifetimeMs: null,
  drainTimeoutMs: null,
};
const LOAD = { busyChannels: 0 };

test("a worker of class process learns how many it may have at once, the others have one", () => {
  assert.equal(channelSettings(LIFE, LOAD).depthMax, null);
  assert.equal(channelSettings({ ...LIFE, workerClass: "thread", threads: 4 }, LOAD).depthMax, 1);
  const request = channelSettings({ ...LIFE, workerClass: "request" }, LOAD);
  assert.deepEqual([request.depthMax, request.requestsMax], [1, 1]);
});

test("the requests of a worker are shared among its threads, with a jitter of its own", () => {
  const life: WorkerLifeSettings = { ...LIFE, threads: 4, requestsMax: 100, requestsJitter: 20 };
  const shares = new Set(
    Array.from({ length: 200 }, () => channelSettings(life, LOAD).recycleAfter ?? 0),
  );
  assert.ok(shares.size > 1);
  assert.ok([...shares].every((share) => share >= 25 && share <= 30));
  assert.equal(channelSettings({ ...LIFE, requestsMax: 7 }, LOAD).recycleAfter, 7);
});

test("a lifetime is shortened by a tenth at most", () => {
  assert.equal(expiryMs(LIFE, 5), null);
  for (let count = 0; count < 100; count++) {
    const expiry = expiryMs({ ...LIFE, lifetimeMs: 1_000 }, 5) ?? 0;
    assert.ok(expiry > 904 && expiry <= 1_005);
  }
});

test("a worker that was too large before its first request is not replaced for it", () => {
  const report = (rssMiB: number, grewMiB: number): boolean =>
    isTooLargeFromBirth(LIFE, {
      kind: "memory",
      rssBytes: rssMiB * MIB,
      routes: [{ route: "/", grewBytes: grewMiB * MIB, requests: 3 }],
    });
  assert.equal(report(130, 20), true);
  assert.equal(report(130, 50), false);
});
