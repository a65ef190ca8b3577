import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestHead } from "../../../src/http1/request-head.ts";
import {
  ConnectionActivity,
  type ConnectionPhase,
} from "../../../src/server/connection-activity.ts";
import type { ServedConnection } from "../../../src/server/connection-context.ts";
import {
  rankConnections,
  withoutRanks,
} from "../../../src/server/observation/busiest-connections.ts";
import { MemoryStream } from "../../net/memory-stream.ts";

class PlayedConnection implements ServedConnection {
  readonly stream = new MemoryStream();
  readonly activity = new ConnectionActivity(this.stream, 1_000);
  phase: ConnectionPhase = "idle";
  head: RequestHead | null = null;

  constructor(port: number, receivedBytes: number) {
    this.stream.remoteAddress = { family: "inet", host: "192.0.2.7", port };
    this.stream.receivedBytes = receivedBytes;
  }

  isIdle(): boolean {
    return true;
  }

  sweep(): void {}

  close(): void {}
}

function remotes(shown: readonly { readonly remote: string }[]): number[] {
  return shown.map(({ remote }) => Number(remote.split(":")[1]));
}

test("the busiest are listed, the busiest first, and all are counted", () => {
  // Every order that a heap may be filled in: 7 is a generator of all of them modulo 1009.
  const all = Array.from({ length: 1_008 }, (_, index) => {
    const bytes = (7 * (index + 1)) % 1_009;
    return new PlayedConnection(bytes, bytes);
  });
  const { open, byPhase, shown } = withoutRanks(rankConnections(all, 5, 3_500, true));
  assert.equal(open, 1_008);
  assert.deepEqual(byPhase, { idle: 1_008 });
  assert.deepEqual(remotes(shown), [1_008, 1_007, 1_006, 1_005, 1_004]);
});

test("what was carried before the look before counts no more, and a request counts", () => {
  const [one, other] = [new PlayedConnection(1, 5_000), new PlayedConnection(2, 400)];
  assert.deepEqual(remotes(withoutRanks(rankConnections([other, one], 2, 0, true)).shown), [1, 2]);
  one.stream.receivedBytes += 100;
  other.activity.requests++;
  assert.deepEqual(remotes(withoutRanks(rankConnections([one, other], 2, 0, false)).shown), [2, 1]);
  one.stream.receivedBytes += 2_000;
  assert.deepEqual(remotes(withoutRanks(rankConnections([one, other], 2, 0, true)).shown), [1, 2]);
});

test("whoever waits for an answer is shown before whoever is idle", () => {
  const waiting = new PlayedConnection(1, 0);
  waiting.head = { method: "GET", rawTarget: `/${"a".repeat(9_000)}` } as RequestHead;
  waiting.phase = "answer";
  const [shown] = withoutRanks(
    rankConnections([new PlayedConnection(2, 900), waiting], 1, 3_500, true),
  ).shown;
  assert.equal(shown?.remote, "192.0.2.7:1");
  assert.equal(shown?.local, "192.0.2.1:8000");
  assert.equal(shown?.phase, "answer");
  assert.equal(shown?.ageMs, 2_500);
  assert.match(shown?.request ?? "", /^GET \/a{295}\.\.\.$/);
});

test("one that is closed in this turn is none any more", () => {
  const closed = new PlayedConnection(1, 100);
  closed.stream.closed = true;
  const { open, shown } = withoutRanks(rankConnections([closed], 5, 0, true));
  assert.deepEqual([open, shown], [0, []]);
});

test("none are listed where none are wanted", () => {
  assert.deepEqual(
    withoutRanks(rankConnections([new PlayedConnection(1, 1)], 0, 0, true)).shown,
    [],
  );
});

test("10,000 connections are looked over in 5 ms", () => {
  const all = Array.from({ length: 10_000 }, (_, index) => new PlayedConnection(index, 0));
  let leastMs = Infinity;
  // The best of many: others have this machine as well.
  for (let round = 1; round <= 50; round++) {
    for (const [index, { stream }] of all.entries())
      stream.receivedBytes += (index * round) % 1_009;
    const beganAtMs = performance.now();
    withoutRanks(rankConnections(all, 50, 0, true));
    leastMs = Math.min(leastMs, performance.now() - beganAtMs);
  }
  assert.ok(leastMs < 5, `${leastMs} ms`);
});
