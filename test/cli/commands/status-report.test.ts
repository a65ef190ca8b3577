import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { duration, statusReport } from "../../../src/cli/commands/status-report.ts";
import type { GatewayStatus } from "../../../src/server/gateway-status.ts";
import type { WorkerStatus } from "../../../src/workers/supervisor-status.ts";
import { GENERATION, STATUS } from "../../server/control/fake-gateway.ts";

const WORKER: WorkerStatus = {
  number: 1,
  pid: 4713,
  state: "ready",
  ageMs: 90_000,
  requests: 1234,
  rssBytes: 36_175_872,
  busy: [],
};

const FULL: GatewayStatus = {
  ...STATUS,
  connections: 1,
  queue: {
    waiting: 3,
    oldestMs: 1_250,
    wait: { count: 7, lastMs: 1, meanMs: 2.4, maxMs: 9, p50Ms: 2, p99Ms: 8 },
  },
  workers: { min: 1, max: 4, target: 2 },
  generations: [
    { ...GENERATION, state: "resting", answered: 99, failed: 1, crashes: 1 },
    {
      ...GENERATION,
      number: 2,
      zygotePid: 5000,
      guardianPid: 4999,
      workers: [
        WORKER,
        {
          ...WORKER,
          number: 12,
          pid: null,
          state: "starting",
          ageMs: 20,
          requests: 0,
          rssBytes: null,
          busy: [
            { request: "GET /slow", requestId: "a", ageMs: 2_500 },
            { request: "POST /other", requestId: "b", ageMs: 10 },
          ],
        },
      ],
    },
  ],
  lastReload: { atMs: 1_000_000, generation: 2, outcome: "serving", why: null, details: null },
};

test("all of it, as a person reads it", () => {
  assert.equal(
    statusReport(FULL, 1_000_000 + 7_500_000),
    `portico 0.1.0 serves shop:app: serving, started 2 h 5 min ago
  listening    http://127.0.0.1:8000
  gateway      PID 4711, 1 connection
  workers      2, of 1 to 4
  queue        3 waiting, the first for 1.3 s; in the last minute 2 ms on average, 99 % within 8 ms
  last reload  2 h 5 min ago, generation 2 serves

generation 1, resting: zygote PID 4712, 99 answered, 1 failed, 1 crash

generation 2, serving: zygote PID 5000, 0 answered, 0 failed, 0 crashes
  worker  pid   state     age    requests  memory    busy with
  1       4713  ready     90 s   1234      34.5 MiB  -
  12      -     starting  20 ms  0         -         GET /slow (2.5 s)
                                                     POST /other (10 ms)
`,
  );
});

test("a reload that failed, with its traceback", () => {
  const details = 'Traceback (most recent call last):\n  File "shop.py", line 1\nSyntaxError\n';
  const text = statusReport(
    {
      ...STATUS,
      lastReload: { atMs: 1_000_000, generation: 2, outcome: "failed", why: "no", details },
    },
    1_003_000,
  );
  assert.match(text, /last reload +3\.0 s ago, generation 2 failed: no\n    Traceback.*\n/);
  assert.match(text, /\n    SyntaxError\n/);
});

describe("nothing that a client or an application says reaches the terminal as it is", () => {
  const evil = "\x1b]0;pwned\x07\r\n\x9b31m\u202e";
  for (const [what, status] of [
    ["the application's name", { ...STATUS, application: evil }],
    ["an address", { ...STATUS, addresses: [evil] }],
    ["the version", { ...STATUS, version: evil }],
    [
      "a request line",
      {
        ...STATUS,
        generations: [
          {
            ...GENERATION,
            workers: [{ ...WORKER, busy: [{ request: evil, requestId: evil, ageMs: 1 }] }],
          },
        ],
      },
    ],
    [
      "a reason and its traceback",
      {
        ...STATUS,
        lastReload: { atMs: 0, generation: 2, outcome: "failed", why: evil, details: evil },
      },
    ],
  ] as const) {
    test(what, () => assert.match(statusReport(status, 0), /^[\x20-\x7e\n]+$/));
  }

  test("a long request line is cut", () => {
    const busy = [{ request: `GET /${"a".repeat(10_000)}`, requestId: "a", ageMs: 1 }];
    const status = { ...STATUS, generations: [{ ...GENERATION, workers: [{ ...WORKER, busy }] }] };
    for (const line of statusReport(status, 0).split("\n")) assert(line.length < 200);
  });
});

test("durations", () => {
  const shown = [-5, 0.4, 12, 999, 1_000, 59_000, 119_000, 121_000, 7_500_000, 280_000_000];
  assert.deepEqual(shown.map(duration), [
    "0 ms",
    "0 ms",
    "12 ms",
    "999 ms",
    "1.0 s",
    "59 s",
    "119 s",
    "2 min",
    "2 h 5 min",
    "3 d 5 h",
  ]);
});
