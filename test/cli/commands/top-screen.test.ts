import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ScreenStyle } from "../../../src/cli/commands/top-line.ts";
import { renderTop, shareOut, type TopView } from "../../../src/cli/commands/top-screen.ts";
import type {
  ConnectionSnapshot,
  ProcessSnapshot,
  Snapshot,
} from "../../../src/server/observation/snapshot.ts";
import { GENERATION, POINT, STATUS } from "../../server/control/fake-gateway.ts";

const PLAIN: ScreenStyle = { colours: false, unicode: false };
const FULL: ScreenStyle = { colours: true, unicode: true };
const AT_MS = 2_000_000;
const SMALL = { columns: 80, rows: 24 };

const PROCESS: ProcessSnapshot = {
  pid: 4711,
  name: "node",
  ppid: 1,
  kind: "gateway",
  generation: null,
  number: null,
  state: "serving",
  systemState: "S",
  ageMs: 7_200_000,
  cpuMs: 1_000,
  cpuShare: 0.123,
  rssBytes: 99_000_000,
  requests: null,
  busy: [],
};

function worker(number: number, more: Partial<ProcessSnapshot> = {}): ProcessSnapshot {
  return {
    ...PROCESS,
    kind: "worker",
    pid: 5_000 + number,
    ppid: 4712,
    generation: 1,
    number,
    state: "ready",
    requests: 12_345,
    ...more,
  };
}

const SLOW = worker(2, {
  busy: [{ request: "GET /slow?x=1", requestId: "id", ageMs: 12_345 }],
});
const CONNECTION: ConnectionSnapshot = {
  local: "127.0.0.1:8000",
  remote: "192.0.2.7:50123",
  descriptor: 27,
  phase: "answer",
  ageMs: 61_000,
  requests: 7,
  receivedBytes: 2_048,
  sentBytes: 3_145_728,
  unsentBytes: 0,
  request: "GET /slow?x=1",
};

const SNAPSHOT: Snapshot = {
  atMs: AT_MS,
  status: { ...STATUS, startedAtMs: AT_MS - 3_600_000, generations: [GENERATION] },
  processes: [
    PROCESS,
    { ...PROCESS, kind: "zygote", pid: 4712, ppid: 4711, generation: 1 },
    { ...PROCESS, kind: "guardian", pid: 4710, ppid: 1, state: null },
    worker(1),
    SLOW,
    { ...PROCESS, kind: "other", name: "ffmpeg", pid: 6_000, ppid: 5_001, systemState: "Z" },
  ],
  listeners: [
    {
      address: "http://127.0.0.1:8000",
      descriptor: 22,
      backlog: 2_048,
      effectiveBacklog: 128,
      queued: 3,
    },
  ],
  connections: { open: 3, byPhase: { idle: 2, answer: 1 }, shown: [CONNECTION] },
  descriptors: { used: 33, limit: 1_024 },
  latest: { ...POINT, p50Us: 850, p99Us: 1_234_567 },
  errors: [
    {
      atMs: AT_MS - 4_000,
      status: 502,
      request: "POST /order",
      requestId: "abc",
      workerPid: 5_001,
      durationUs: 12_000,
    },
  ],
  marks: [
    { atMs: AT_MS - 60_000, kind: "started", text: "serves shop:app" },
    { atMs: AT_MS - 1_000, kind: "reload", text: "generation 2 serves" },
  ],
};

const VIEW: TopView = {
  snapshot: SNAPSHOT,
  history: [POINT, { ...POINT, requests: 0 }, { ...POINT, requests: 5 }],
  selectedPid: 5_002,
  notice: null,
  stack: null,
};

function widest(lines: readonly string[]): number {
  // oxlint-disable-next-line no-control-regex -- what a terminal takes for a colour
  return Math.max(...lines.map((line) => line.replaceAll(/\x1b\[[\d;]*m/g, "").length));
}

test("a screen of 80 columns and 24 rows", () => {
  assert.deepEqual(renderTop(VIEW, SMALL, PLAIN), [
    "portico 0.1.0  shop:app  serving  up 60m",
    "req/s 10  5xx/s 1  waiting 0  p50 0.85 ms  p90 0.90 ms  p99 1.2 s  queue p99 0.0",
    "last minute # = up to 10/s",
    "listening http://127.0.0.1:8000 (descriptor 22)  to accept 3 of 128, 2048 asked ",
    "descriptors 33 of 1024  zombies 1  connections 3: 2 idle, 1 answer",
    "",
    "  PID PPID PROCESS      S CPU   MEM AGE   REQ DOES",
    " 4711    1 gateway      S 12% 94.4M  2h     - serving",
    " 4712 4711 \\ zygote 1   S 12% 94.4M  2h     - generation 1: serving",
    " 5001 4712   \\ worker 1 S 12% 94.4M  2h 12.3k idle",
    " 6000 5001     \\ ffmpeg Z 12% 94.4M  2h     - has ended, and nobody has taken no",
    ">5002 4712   \\ worker 2 S 12% 94.4M  2h 12.3k 12s GET /slow?x=1",
    " 4710    1 guardian     S 12% 94.4M  2h     -",
    " CONNECTION                       FD PHASE  AGE REQ IN   OUT  UNSENT REQUEST",
    " 192.0.2.7:50123 > 127.0.0.1:8000 27 answer 61s 7   2.0K 3.0M 0      GET /slow?x",
    " AGO  ERROR TOOK  WORKER REQUEST     ID",
    " 4.0s 502   12 ms 5001   POST /order abc",
    " AGO  EVENT   WHAT",
    " 1.0s reload  generation 2 serves",
    " 60s  started serves shop:app",
    "",
    "",
    "",
    "q quit  s stack of 5002  arrows choose",
  ]);
});

describe("whatever the size", () => {
  const many: Snapshot = {
    ...SNAPSHOT,
    processes: [
      ...SNAPSHOT.processes,
      ...Array.from({ length: 64 }, (_, index) => worker(100 + index)),
    ],
    connections: {
      ...SNAPSHOT.connections,
      shown: Array.from({ length: 50 }, () => CONNECTION),
    },
    errors: Array.from({ length: 50 }, () => SNAPSHOT.errors).flat(),
    marks: Array.from({ length: 50 }, () => SNAPSHOT.marks).flat(),
  };
  for (const [columns, rows] of [
    [80, 24],
    [200, 60],
    [40, 10],
    [20, 5],
    [1, 1],
    [300, 3],
  ] as const) {
    test(`${columns} by ${rows}: it is filled, and nothing is beyond it`, () => {
      const lines = renderTop({ ...VIEW, snapshot: many }, { columns, rows }, FULL);
      assert.equal(lines.length, rows);
      assert.ok(widest(lines) <= columns);
    });
  }

  test("the worker that is chosen is in sight, wherever it is", () => {
    for (const pid of [5_001, 5_120, 5_163]) {
      const lines = renderTop({ ...VIEW, snapshot: many, selectedPid: pid }, SMALL, PLAIN);
      assert.ok(
        lines.some((line) => line.startsWith(`>${pid} `)),
        lines.join("\n"),
      );
    }
  });

  test("each part has some rows, and says how many more there are", () => {
    const text = renderTop({ ...VIEW, snapshot: many }, SMALL, PLAIN).join("\n");
    for (const part of [/ DOES {2}\(\d+ more\)/, /REQUEST {2}\(/, /ID {2}\(/, /WHAT {2}\(/]) {
      assert.match(text, part);
    }
  });

  test("without a bound everything is there, and no keys", () => {
    const size = { columns: Infinity, rows: Infinity };
    const lines = renderTop({ ...VIEW, snapshot: many }, size, PLAIN);
    assert.ok(lines.length > 64 + 50 + 50 + 100);
    assert.doesNotMatch(lines.join("\n"), /q quit/);
  });
});

test("what clients and applications have said commands no terminal", () => {
  const evil = "\x1b]0;pwned\x07\r\n\x9b31m\u202e\\";
  const snapshot: Snapshot = {
    ...SNAPSHOT,
    status: { ...SNAPSHOT.status, application: evil, version: evil },
    processes: SNAPSHOT.processes.map((found) => ({
      ...found,
      name: evil,
      systemState: evil,
      state: evil,
      busy: found.busy.map((busy) => ({ ...busy, request: evil })),
    })),
    listeners: SNAPSHOT.listeners.map((listener) => ({ ...listener, address: evil })),
    connections: {
      open: 1,
      byPhase: {},
      shown: [{ ...CONNECTION, local: evil, remote: evil, phase: evil, request: evil }],
    },
    errors: SNAPSHOT.errors.map((error) => ({ ...error, request: evil, requestId: evil })),
    marks: SNAPSHOT.marks.map((mark) => ({ ...mark, text: evil })),
  };
  const size = { columns: Infinity, rows: Infinity };
  for (const line of renderTop({ ...VIEW, snapshot }, size, PLAIN)) {
    assert.match(line, /^[\x20-\x7e]*$/);
  }
});

test("colours add nothing but colours", () => {
  const coloured = renderTop(VIEW, SMALL, { ...PLAIN, colours: true });
  const plain = renderTop(VIEW, SMALL, PLAIN);
  // oxlint-disable-next-line no-control-regex -- what a terminal takes for a colour
  const without = coloured.map((line) => line.replaceAll(/\x1b\[[\d;]*m/g, ""));
  assert.deepEqual(without, plain);
  assert.notDeepEqual(coloured, plain);
});

test("a stack takes the place of the rest, from the line that it was scrolled to", () => {
  const lines = Array.from({ length: 100 }, (_, index) => `  line ${index}`);
  const shown = renderTop({ ...VIEW, stack: { pid: 5_002, lines, above: 3 } }, SMALL, PLAIN);
  assert.deepEqual(shown.slice(6, 8), [
    "Python's stack of worker PID 5002  (81 lines below)",
    "   line 3",
  ]);
  assert.equal(shown.at(-1), "q quit  s back  arrows scroll");
});

test("a notice takes the place of the keys", () => {
  const lines = renderTop({ ...VIEW, notice: "gone" }, SMALL, PLAIN);
  assert.equal(lines.at(-1), "gone");
});

test("where the system tells nothing, the tree is what the gateway knows", () => {
  const processes = SNAPSHOT.processes
    .filter(({ kind }) => kind !== "other")
    .map((found) => ({ ...found, ppid: null, systemState: null, cpuShare: null, rssBytes: null }));
  const lines = renderTop(
    { ...VIEW, snapshot: { ...SNAPSHOT, processes } },
    { columns: 100, rows: 40 },
    PLAIN,
  );
  assert.match(lines[7] ?? "", /^ 4711 +- gateway/);
  assert.match(lines[8] ?? "", /^ 4712 +- \\ zygote/);
  assert.match(lines[9] ?? "", /^ 5001 +- {3}\\ worker 1/);
});

test("rows are shared out: a part at least for each, and what is over to those in front", () => {
  assert.deepEqual(shareOut([100, 100, 100, 100], 16), [8, 4, 2, 2]);
  assert.deepEqual(shareOut([3, 100, 0, 1], 16), [3, 12, 0, 1]);
  assert.deepEqual(shareOut([3, 2, 1, 1], 100), [3, 2, 1, 1]);
  assert.deepEqual(shareOut([100, 100, 100, 100], 0), [0, 0, 0, 0]);
  assert.deepEqual(shareOut([5, 6, 7, 8], Infinity), [5, 6, 7, 8]);
});

describe("several gateways", () => {
  const gateway = { state: "serving", startedAtMs: 1, connections: 1, waiting: 0, workers: 1 };
  const several: Snapshot = {
    ...SNAPSHOT,
    status: {
      ...SNAPSHOT.status,
      gateways: [
        { ...gateway, index: 0, pid: 4711, state: "serving" },
        { ...gateway, index: 1, pid: 4811, state: null },
      ],
    },
    processes: [
      { ...PROCESS, kind: "leader", pid: 4700 },
      { ...PROCESS, ppid: 4700, number: 0 },
      { ...PROCESS, pid: 4811, ppid: 4700, number: 1, state: "silent" },
    ],
    listeners: [0, 1, 2, 3].map((index) => ({
      address: "http://127.0.0.1:8000",
      descriptor: 20 + index,
      backlog: 2_048,
      effectiveBacklog: 2_048,
      queued: index,
      gateway: index,
    })),
    descriptors: { used: 100, limit: 1_000, gateway: 1 },
    connections: { open: 1, byPhase: { idle: 1 }, shown: [{ ...CONNECTION, gateway: 1 }] },
  };
  const all = { columns: Infinity, rows: Infinity };
  const linesOf = (snapshot: Snapshot, size = all): string[] =>
    renderTop({ ...VIEW, snapshot, selectedPid: null }, size, PLAIN);

  test("have a leader, numbers, and what does not answer is said", () => {
    const lines = linesOf(several);
    assert.match(lines[0] ?? "", / {2}gateways 2 {2}gateway 1 does not answer, and is left out$/);
    const rows = lines.filter((line) => / leader | gateway \d /.test(line)).slice(-3);
    assert.match(rows[0] ?? "", /^ 4700 +1 leader /);
    assert.match(rows[1] ?? "", /^ 4711 4700 \\ gateway 0 .* serving$/);
    assert.match(rows[2] ?? "", /^ 4811 4700 \\ gateway 1 .* does not answer$/);
    assert.ok(lines.some((line) => line.startsWith("descriptors 100 of 1000 (gateway 1) ")));
    const [heading = "", connection = ""] = lines.slice(
      lines.findIndex((line) => line.startsWith(" CONNECTION")),
    );
    assert.equal(connection.charAt(heading.indexOf("GATEWAY")), "1");
  });

  test("on a screen the fullest sockets are shown, in a list all", () => {
    const queues = (lines: readonly string[]): (string | undefined)[] =>
      lines.flatMap((line) => /^listening .* to accept (\d)/.exec(line)?.[1] ?? []);
    assert.deepEqual(queues(linesOf(several, SMALL)), ["3", "2", "1"]);
    assert.deepEqual(queues(linesOf(several)), ["0", "1", "2", "3"]);
  });
});
