import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ConnectionActivity } from "../../../src/server/connection-activity.ts";
import type { ServedConnection } from "../../../src/server/connection-context.ts";
import type { GatewayStatus } from "../../../src/server/gateway-status.ts";
import { ExchangeStatistics } from "../../../src/server/observation/exchange-statistics.ts";
import { Observation, type ObservedGateway } from "../../../src/server/observation/observation.ts";
import { RecentErrors } from "../../../src/server/observation/recent-errors.ts";
import { pointOf } from "../../../src/server/observation/traffic-second.ts";
import type { StackAnswer } from "../../../src/workers/worker-stack.ts";
import { MemoryStream } from "../../net/memory-stream.ts";
import { MemoryListener } from "../../net/memory-transport.ts";
import { accessRecord } from "../access-log/records.ts";
import { GENERATION, STATUS } from "../control/fake-gateway.ts";

/** The beginning of a second. */
const BEGAN_AT_MS = 1_800_000_000_000;

let passedMs: number;
let connections: ServedConnection[];
let status: GatewayStatus;
let exchanges: { readonly statistics: ExchangeStatistics; readonly errors: RecentErrors };
let observation: Observation;
/** How often it was said that exchanges are to be told. */
let looks: number;

function connection(port: number): { readonly served: ServedConnection; stream: MemoryStream } {
  const stream = new MemoryStream();
  stream.remoteAddress = { family: "inet", host: "192.0.2.7", port };
  const activity = new ConnectionActivity(stream, 0);
  const idle = { phase: "idle" as const, head: null, isIdle: () => true };
  return { served: { ...idle, activity, sweep: () => {}, close: () => {} }, stream };
}

beforeEach(() => {
  passedMs = 0;
  looks = 0;
  connections = [];
  status = STATUS;
  exchanges = { statistics: new ExchangeStatistics(), errors: new RecentErrors() };
  const gateway: ObservedGateway = {
    status: () => status,
    server: {
      listeners: [new MemoryListener()],
      get connections() {
        return connections;
      },
      get connectionCount() {
        return connections.length;
      },
      nowMs: 0,
      tellExchanges: () => looks++,
    },
    supervisor: {
      dispatcher: { waiting: { count: 4 } },
      stack: (pid): Promise<StackAnswer> =>
        Promise.resolve(
          pid === 1 ? { kind: "refused", why: "no" } : { kind: "stack", text: "Thread" },
        ),
    },
  };
  const clock = { nowMs: () => passedMs, epochMs: () => BEGAN_AT_MS + passedMs };
  observation = new Observation(gateway, exchanges, 2_048, clock);
});

test("exchanges are told from the first look on", () => {
  observation.mark("started", "it serves");
  observation.sweep();
  assert.equal(looks, 0);
  observation.snapshot(0);
  observation.history();
  assert.equal(looks, 2);
});

test("marks are in their order, cut, and at most a hundred", () => {
  for (let count = 0; count < 150; count++) {
    passedMs = count;
    observation.mark("reload-failed", `${count} ${"a".repeat(1_000)}`);
  }
  const { marks } = observation.snapshot(0);
  assert.deepEqual(
    [marks.length, marks[0]?.atMs, marks.at(-1)?.atMs],
    [100, BEGAN_AT_MS + 50, BEGAN_AT_MS + 149],
  );
  assert.ok(marks.every(({ text }) => text.length <= 303));
});

test("each second is there when it is over, with what waited then", () => {
  connections = [connection(1).served];
  observation.sweep();
  exchanges.statistics.add(accessRecord({ startedAtEpochMs: BEGAN_AT_MS, durationUs: 2_000 }));
  assert.equal(observation.snapshot(0).latest, null);
  passedMs = 1_100;
  observation.sweep();
  const { latest } = observation.snapshot(0);
  assert.deepEqual(
    [latest?.atMs, latest?.requests, latest?.waiting, latest?.connections],
    [BEGAN_AT_MS, 1, 4, 1],
  );
  assert.deepEqual(observation.history(), [latest]);
});

test("two who look at the same time see the same connections as the busiest", () => {
  const [one, other] = [connection(1), connection(2)];
  connections = [one.served, other.served];
  const busiest = (): string | undefined => observation.snapshot(1).connections.shown[0]?.remote;
  one.stream.receivedBytes = 5_000;
  assert.equal(busiest(), "192.0.2.7:1");
  other.stream.receivedBytes = 100;
  passedMs = 600;
  assert.equal(busiest(), "192.0.2.7:2");
  // So soon it counts from the same look as the one before.
  one.stream.receivedBytes += 10;
  passedMs = 700;
  assert.equal(busiest(), "192.0.2.7:1");
  other.stream.receivedBytes += 20;
  passedMs = 800;
  assert.equal(busiest(), "192.0.2.7:2");
});

test("a listener whose descriptor is not known is shown with its bound", () => {
  assert.deepEqual(observation.snapshot(0).listeners, [
    {
      address: "http://127.0.0.1:8000",
      descriptor: null,
      backlog: 2_048,
      effectiveBacklog: 128,
      queued: null,
    },
  ]);
});

test("what workers have to do is with the processes, and nowhere else", () => {
  const busy = [{ request: "GET /", requestId: "id", ageMs: 1 }];
  const worker = {
    number: 1,
    pid: 2 ** 22 + 1,
    state: "ready" as const,
    ageMs: 1,
    requests: 1,
    rssBytes: null,
    busy,
  };
  status = { ...STATUS, generations: [{ ...GENERATION, workers: [worker] }] };
  const { processes, status: shown } = observation.snapshot(0);
  assert.deepEqual(processes.find(({ kind }) => kind === "worker")?.busy, busy);
  assert.deepEqual(shown.generations[0]?.workers[0]?.busy, []);
});

test("a stack has its process's number, a refusal its reason", async () => {
  assert.deepEqual(await observation.stack(7), { kind: "stack", pid: 7, text: "Thread" });
  assert.deepEqual(await observation.stack(1), { kind: "refused", why: "no" });
});

test("one of several tells the same, with what the others' can be added to", () => {
  observation.becomePart();
  connections = [connection(1).served, connection(2).served];
  observation.mark("worker-lost", "by itself");
  observation.withoutMark(() => observation.mark("scale", "as all others"));
  observation.sweep();
  exchanges.statistics.add(accessRecord({ startedAtEpochMs: BEGAN_AT_MS, durationUs: 2_000 }));
  passedMs = 2_100;
  const wanted = { shownMax: 1, fromMs: 0, untilMs: BEGAN_AT_MS + 1_000 };
  const part = observation.part(wanted);
  const snapshot = observation.snapshot(1);
  assert.deepEqual(part.status, snapshot.status);
  assert.deepEqual(part.marks, snapshot.marks);
  assert.deepEqual(
    part.marks.map(({ kind }) => kind),
    ["worker-lost"],
  );
  const { open, busiest } = part.connections;
  assert.deepEqual([open, busiest.map(({ shown }) => shown)], [2, snapshot.connections.shown]);
  assert.deepEqual(part.seconds.map(pointOf), observation.history().slice(0, 1));
});
