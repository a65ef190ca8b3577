/** Each exchange, however it ends, gets one line in the access log, and the line is true. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NULL_LOG } from "../../src/base/log.ts";
import { HealthRule } from "../../src/handlers/health-rule.ts";
import type { WorkerShare } from "../../src/workers/application-request.ts";
import { AccessLog } from "../../src/server/access-log/access-log.ts";
import type { AccessRecord } from "../../src/server/access-log/access-record.ts";
import { ExchangeRecord } from "../../src/server/access-log/exchange-record.ts";
import { GatheredLines } from "../../src/server/access-log/gathered-lines.ts";
import type { ConnectionSettings } from "../../src/server/connection-context.ts";
import { ExchangeClock } from "../../src/server/exchange-clock.ts";
import { ConnectionFixture, get, post, SCREENING } from "./connection-fixture.ts";

const EPOCH_MS = 784_111_777_000;

/** What is looked at of a record, which is somebody else's once it has been added. */
interface Line {
  readonly request: string | null;
  readonly status: number;
  readonly isAborted: boolean;
  readonly failure: string | null;
  readonly requestBytes: number;
  readonly bytes: number;
  readonly startedAtMs: number;
  readonly durationUs: number;
  readonly worker: readonly (number | null)[];
  readonly requestId: string | null;
  readonly server: string | null;
}

class LoggedConnection {
  readonly lines: Line[] = [];
  readonly fixture: ConnectionFixture;
  /** Of the log alone; deadlines go by the fixture's. */
  nowMs = 1_000;

  constructor(settings: Partial<ConnectionSettings> = {}, isReady = true) {
    const clock = { nowMs: () => this.nowMs, epochMs: () => EPOCH_MS + this.nowMs };
    const health = new HealthRule({ livez: "/livez", readyz: "/readyz" }, () =>
      isReady ? null : "stopping",
    );
    const write = (record: AccessRecord): void => {
      this.lines.push(shown(record));
    };
    const output = { isTerminal: false, isFile: false, write: () => {}, writeNow: () => 0 };
    const format = { kind: "line-format", write, readsResponseFields: true } as const;
    const lines = new GatheredLines(output, NULL_LOG, clock);
    this.fixture = new ConnectionFixture(settings, SCREENING.admissionRules, health, {
      listener: new AccessLog(format, lines, null, NULL_LOG),
      record: new ExchangeRecord("drop"),
      clock: new ExchangeClock(clock),
      fromStart: true,
      tracer: null,
    });
  }

  send(text: string): void {
    this.fixture.client.deliver(text);
  }

  /** What has been logged since a call of this before. */
  take(): Line[] {
    return this.lines.splice(0);
  }

  /** The one line that has been logged since then. */
  takeOne(): Line {
    const [line, ...more] = this.take();
    assert.ok(line !== undefined, "there is a line");
    assert.deepEqual(more, []);
    return line;
  }

  outcomes(): (readonly [string | null, number, number])[] {
    return this.take().map(({ request, status, bytes }) => [request, status, bytes]);
  }
}

function shown(record: AccessRecord): Line {
  const { method, target, queueUs, applicationUs, workerPid, generation, retries } = record;
  return {
    request: method === null ? null : `${method} ${target}`,
    status: record.status,
    failure: record.failure,
    requestBytes: record.requestContentBytes,
    bytes: record.contentBytes,
    isAborted: record.isAborted,
    startedAtMs: record.startedAtEpochMs - EPOCH_MS,
    durationUs: record.durationUs,
    worker: [queueUs, applicationUs, workerPid, generation, retries],
    requestId: record.requestId,
    server: record.responseField("x-server"),
  };
}

const NO_WORKER = [null, null, null, null, 0];

test("an answer in one piece: its status, its content, its times", () => {
  const logged = new LoggedConnection();
  logged.send("GET /a HTTP/1.1\r\nHo");
  logged.nowMs = 1_010;
  logged.send("st: a\r\n\r\n");
  logged.nowMs = 1_012.3456;
  logged.fixture.handler.answerAt(0).answer("hello");
  assert.deepEqual(logged.takeOne(), {
    request: "GET /a",
    status: 200,
    isAborted: false,
    failure: null,
    requestBytes: 0,
    bytes: 5,
    startedAtMs: 1_000,
    durationUs: 12_346,
    worker: NO_WORKER,
    requestId: null,
    server: null,
  });
  logged.fixture.client.deliverEnd();
  logged.fixture.client.turn();
  assert.deepEqual(logged.take(), [], "an idle connection that ends is no exchange");
});

test("what the workers had to do with it is as it is at the end", () => {
  const logged = new LoggedConnection();
  logged.send(get("/a"));
  const answer = logged.fixture.handler.answerAt(0);
  const share: WorkerShare = {
    queueUs: 40,
    headUs: 4_000,
    applicationUs: 5_000,
    workerPid: 4_711,
    workerGeneration: 3,
    retries: 1,
  };
  answer.workerShare = share;
  answer.answer("hello");
  assert.deepEqual(logged.takeOne().worker, [40, 5_000, 4_711, 3, 1]);
  logged.send(get("/livez?no") + get("/b", "Content-Length: x\r\n"));
  assert.deepEqual(logged.takeOne().worker, NO_WORKER, "the next one begins anew");
});

test("only content that is sent is counted", () => {
  const logged = new LoggedConnection();
  const { handler } = logged.fixture;
  logged.send(get("/a").replace("GET", "HEAD"));
  handler.answerAt(0).begin("", 7_000, 200, true);
  logged.send(get("/b"));
  handler.answerAt(1).begin("", null, 304, true);
  logged.send(get("/c"));
  handler.answerAt(2).begin("12345");
  handler.answerAt(2).more("678");
  handler.answerAt(2).end();
  logged.send(get("/d"));
  handler.answerAt(3).begin("0123456789", 4);
  handler.answerAt(3).end();
  logged.send(get("/e", "", "HTTP/1.0"));
  handler.answerAt(4).begin("until the end");
  handler.answerAt(4).end();
  assert.deepEqual(logged.outcomes(), [
    ["HEAD /a", 200, 0],
    ["GET /b", 304, 0],
    ["GET /c", 200, 8],
    ["GET /d", 200, 4],
    ["GET /e", 200, 13],
  ]);
});

test("the content of a request is counted once it is handed on", () => {
  const logged = new LoggedConnection();
  logged.send(post("/a", "1234567"));
  logged.fixture.handler.answerAt(0).answer("");
  assert.equal(logged.takeOne().requestBytes, 7);
  logged.send(get("/b"));
  logged.fixture.handler.answerAt(1).answer("");
  assert.equal(logged.takeOne().requestBytes, 0, "the next one begins anew");
});

test("pipelined requests come in their order, each from when it is taken up", () => {
  const logged = new LoggedConnection();
  const { handler } = logged.fixture;
  logged.send(get("/a") + get("/b"));
  logged.nowMs = 1_020;
  handler.answerAt(0).answer("a");
  logged.nowMs = 1_050;
  handler.answerAt(1).answer("bb");
  const lines = logged.take().map(({ request, startedAtMs, durationUs }) => {
    return [request, startedAtMs, durationUs];
  });
  assert.deepEqual(lines, [
    ["GET /a", 1_000, 20_000],
    ["GET /b", 1_020, 30_000],
  ]);
});

test("what is no request, or none that is taken, has the status that it was answered", () => {
  const cases: readonly (readonly [sent: string, request: string | null, status: number])[] = [
    ["GARBAGE\r\n\r\n", null, 400],
    [`GET /${"x".repeat(300)} HTTP/1.1\r\n`, null, 414],
    [
      post("/large", "").replace("Content-Length: 0", "Content-Length: 9999999"),
      "POST /large",
      413,
    ],
    ["TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "TRACE /", 501],
    [
      "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",
      "POST /c",
      400,
    ],
  ];
  for (const [sent, request, status] of cases) {
    const logged = new LoggedConnection();
    logged.send(sent);
    const line = logged.takeOne();
    assert.deepEqual([line.request, line.status, line.worker], [request, status, NO_WORKER]);
    assert.ok(line.bytes > 0, "of the error page");
    logged.fixture.client.deliverEnd();
    logged.fixture.client.turn();
    assert.deepEqual(logged.take(), []);
  }
});

test("408: a request that does not arrive in time", () => {
  const logged = new LoggedConnection();
  logged.send("GET /a HTTP/1.1\r\n");
  logged.nowMs += 10_500;
  logged.fixture.sweepAt(10_500);
  const { request, status, durationUs } = logged.takeOne();
  assert.deepEqual([request, status, durationUs], [null, 408, 10_500_000]);
  const slow = new LoggedConnection();
  slow.send("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12");
  slow.fixture.sweepAt(30_000);
  assert.deepEqual([slow.lines[0]?.request, slow.lines[0]?.status], ["POST /b", 408]);
  assert.equal(slow.lines.length, 1);
});

test("nobody who has sent nothing is logged", () => {
  const logged = new LoggedConnection();
  logged.fixture.sweepAt(10_500);
  logged.fixture.client.turn();
  assert.equal(logged.fixture.closedReports, 1);
  assert.deepEqual(logged.take(), []);
});

test("failures have their status, and the id that their clients were given", () => {
  const failures = [
    ["application-error", 500],
    ["worker-exited", 502],
    ["timed-out", 504],
    ["queue-timed-out", 503],
  ] as const;
  for (const [failure, status] of failures) {
    const logged = new LoggedConnection();
    logged.send(get("/a"));
    logged.fixture.handler.answerAt(0).sink.onAnswerFailure(failure);
    const line = logged.takeOne();
    assert.deepEqual([line.status, line.failure], [status, failure]);
    assert.ok(line.requestId !== null);
    assert.ok(logged.fixture.received.includes(`X-Request-ID: ${line.requestId}\r\n`));
  }
  const full = new LoggedConnection();
  full.fixture.handler.full = true;
  full.send(get("/a"));
  const { status, failure } = full.takeOne();
  assert.deepEqual([status, failure], [503, "queue-full"]);
});

test("504 where the whole exchange took too long, with its id", () => {
  const logged = new LoggedConnection({ exchangeTimeoutMs: 1_000 });
  logged.send(get("/a"));
  logged.fixture.sweepAt(1_500);
  const { request, status, requestId } = logged.takeOne();
  assert.deepEqual([request, status], ["GET /a", 504]);
  assert.ok(requestId !== null);
});

test("no id is made for the log", () => {
  const logged = new LoggedConnection();
  logged.send(get("/a"));
  logged.fixture.handler.answerAt(0).answer("");
  assert.equal(logged.takeOne().requestId, null);
});

test("499: the client went away before an answer began", () => {
  const logged = new LoggedConnection();
  logged.send(get("/a"));
  logged.nowMs += 5;
  logged.fixture.client.break(new Error("ECONNRESET"));
  logged.fixture.client.turn();
  const { request, status, bytes, durationUs, isAborted } = logged.takeOne();
  assert.deepEqual([request, status, bytes, durationUs], ["GET /a", 499, 0, 5_000]);
  assert.ok(isAborted);
  const early = new LoggedConnection();
  early.send("GET /b HT");
  early.fixture.client.break(new Error("ECONNRESET"));
  early.fixture.client.turn();
  assert.deepEqual(early.outcomes(), [[null, 499, 0]]);
});

test("an answer that does not come to its end has its status, and what was sent of it", () => {
  const gone = new LoggedConnection();
  gone.send(get("/a"));
  gone.fixture.handler.answerAt(0).begin("12345", 100, 203);
  gone.fixture.client.break(new Error("ECONNRESET"));
  gone.fixture.client.turn();
  assert.deepEqual(gone.outcomes(), [["GET /a", 203, 5]]);

  const aborted = new LoggedConnection();
  aborted.send(get("/b"));
  aborted.fixture.handler.answerAt(0).begin("12345");
  aborted.fixture.handler.answerAt(0).sink.onAnswerFailure("application-aborted");
  assert.deepEqual(aborted.outcomes(), [["GET /b", 200, 5]]);

  const short = new LoggedConnection();
  short.send(get("/c"));
  short.fixture.handler.answerAt(0).begin("12345", 100);
  short.fixture.handler.answerAt(0).end();
  assert.deepEqual(short.outcomes(), [["GET /c", 200, 5]]);

  const late = new LoggedConnection({ exchangeTimeoutMs: 1_000 });
  late.send(get("/d"));
  late.fixture.handler.answerAt(0).begin("12345", 100);
  late.fixture.sweepAt(1_500);
  late.fixture.client.turn();
  assert.deepEqual(late.outcomes(), [["GET /d", 200, 5]]);
  for (const logged of [gone, aborted, short, late]) {
    logged.fixture.client.deliverEnd();
    logged.fixture.client.turn();
    assert.deepEqual(logged.take(), []);
  }
});

test("health answers are left out, and what else is answered at their paths is not", () => {
  for (const isReady of [true, false]) {
    const logged = new LoggedConnection({}, isReady);
    logged.send(get("/livez") + get("/readyz"));
    logged.send(get("/readyz").replace("GET", "HEAD"));
    assert.deepEqual(logged.take(), []);
    logged.send(get("/other"));
    logged.fixture.handler.answerAt(0).answer("x");
    assert.deepEqual(logged.outcomes(), [["GET /other", 200, 1]]);
    logged.send(post("/livez", "").replace("Content-Length: 0", "Content-Length: 9999999"));
    assert.equal(logged.takeOne().status, 413);
  }
});

test("a connection that is one too many has a line, as it has an answer", () => {
  const logged = new LoggedConnection();
  logged.fixture.connection.turnAway(true);
  const { request, status, durationUs } = logged.takeOne();
  assert.deepEqual([request, status, durationUs], [null, 503, 0]);
  const asking = new LoggedConnection();
  asking.fixture.connection.turnAway(false);
  asking.send(get("/livez"));
  assert.deepEqual(asking.take(), []);
  const other = new LoggedConnection();
  other.fixture.connection.turnAway(false);
  other.send(get("/a"));
  assert.equal(other.takeOne().status, 503);
});

test("interim answers are not the answer", () => {
  const logged = new LoggedConnection();
  logged.send(get("/a"));
  const { sink } = logged.fixture.handler.answerAt(0);
  const hints = Buffer.from("103 Early Hints\r\nLink: </a>\r\n");
  sink.onAnswerInterim(103, hints, 0, hints.length);
  assert.deepEqual(logged.take(), []);
  const head = Buffer.from("201 Created\r\nContent-Length: 1\r\nX-Server:  a, b \r\n!");
  sink.onAnswerHead(201, 1, head, 0, head.length - 1, head.length, true);
  const { status, bytes, server } = logged.takeOne();
  assert.deepEqual([status, bytes, server], [201, 1, "a, b"]);
});

test("where a client is idle for long, nothing is kept for its next line, which is as true", () => {
  const logged = new LoggedConnection();
  logged.send(get("/a"));
  logged.fixture.handler.answerAt(0).answer("x");
  logged.fixture.sweepAt(5_000);
  logged.send("GET /b HTTP/1.1\r\n");
  logged.fixture.sweepAt(9_000);
  logged.nowMs += 1_000;
  logged.send("Host: a\r\n\r\n");
  logged.fixture.handler.answerAt(1).answer("x");
  assert.deepEqual(
    logged.take().map(({ request, durationUs }) => [request, durationUs]),
    [
      ["GET /a", 0],
      ["GET /b", 1_000_000],
    ],
  );
});

test("the time of day follows the administrator's clock", () => {
  let nowMs = 100.25;
  let epochMs = EPOCH_MS;
  const clock = new ExchangeClock({ nowMs: () => nowMs, epochMs: () => epochMs });
  assert.equal(clock.epochMs(clock.nowMs()), EPOCH_MS);
  nowMs += 10.5;
  assert.equal(clock.epochMs(clock.nowMs()), EPOCH_MS + 10);
  nowMs += 1_000;
  epochMs += 3_600_000;
  assert.equal(clock.epochMs(clock.nowMs()), EPOCH_MS + 3_600_000);
});
