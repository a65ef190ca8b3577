/** What a response says of its own request: its id, and where its time went. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccessRecord } from "../../src/server/access-log/access-record.ts";
import { ExchangeRecord } from "../../src/server/access-log/exchange-record.ts";
import type { ConnectionSettings } from "../../src/server/connection-context.ts";
import { ExchangeClock } from "../../src/server/exchange-clock.ts";
import type { WorkerShare } from "../../src/workers/application-request.ts";
import { ConnectionFixture, get, post } from "./connection-fixture.ts";
import { readResponse, readResponses } from "./response-reader.ts";

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

const SHARE: WorkerShare = {
  queueUs: 40,
  headUs: 4_500,
  applicationUs: null,
  workerPid: 4_711,
  workerGeneration: 3,
  retries: 0,
};

function fixtureWith(settings: Partial<ConnectionSettings>): ConnectionFixture {
  return new ConnectionFixture(settings);
}

test("each answer has the id of its request, the same as whoever handled it was told", () => {
  const fixture = fixtureWith({ namesRequests: true });
  for (const index of [0, 1]) {
    fixture.client.deliver(get("/a"));
    fixture.handler.answerAt(index).answer("hello");
  }
  const answers = readResponses(fixture.received, "GET", "GET");
  const ids = answers.map(({ fields }) => fields.get("x-request-id") ?? "");
  for (const [index, id] of ids.entries()) {
    assert.match(id, UUID);
    assert.equal(fixture.handler.answerAt(index).request.id, id);
  }
  assert.equal(new Set(ids).size, 2);
});

test("so have answers of a rule, of a failure, and to what is no request", () => {
  for (const sent of ["TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "GARBAGE\r\n\r\n"]) {
    const fixture = fixtureWith({ namesRequests: true });
    fixture.client.deliver(sent);
    assert.match(readResponse(fixture.received).fields.get("x-request-id") ?? "", UUID);
  }
  const failed = fixtureWith({ namesRequests: true });
  failed.client.deliver(post("/a", "x"));
  failed.handler.answerAt(0).sink.onAnswerFailure("timed-out");
  const { fields, content } = readResponse(failed.received, "POST");
  assert.equal(fields.get("x-request-id"), failed.handler.answerAt(0).request.id);
  assert.ok(content.includes(failed.handler.answerAt(0).request.id));
});

test("the log says the id that the answer has, and no other request's", () => {
  const ids: (string | null)[] = [];
  const listener = {
    readsResponseFields: false,
    add: ({ requestId }: AccessRecord) => void ids.push(requestId),
  };
  const record = new ExchangeRecord("drop");
  const clock = new ExchangeClock({ nowMs: () => 1, epochMs: () => 1 });
  const logging = { listener, record, clock, fromStart: true, tracer: null };
  const fixture = new ConnectionFixture({ namesRequests: true }, undefined, null, logging);
  fixture.client.deliver("TRACE / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HT");
  const id = readResponse(fixture.received, "TRACE").fields.get("x-request-id");
  fixture.client.break(new Error("ECONNRESET"));
  fixture.client.turn();
  assert.deepEqual(ids, [id, null]);
});

test("without being asked for, an answer has neither", () => {
  const fixture = fixtureWith({});
  fixture.client.deliver(get("/a"));
  fixture.handler.answerAt(0).workerShare = SHARE;
  fixture.handler.answerAt(0).answer("hello");
  const { fields } = readResponse(fixture.received);
  assert.deepEqual(
    [fields.get("x-request-id"), fields.get("server-timing")],
    [undefined, undefined],
  );
});

test("where the time went until the head, in milliseconds; of a worker's answer alone", () => {
  const fixture = fixtureWith({ tellsTimes: true });
  fixture.client.deliver(get("/a") + get("/b") + "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
  fixture.handler.answerAt(0).workerShare = SHARE;
  fixture.handler.answerAt(0).begin("12345", 10);
  fixture.handler.answerAt(0).more("67890");
  fixture.handler.answerAt(0).end();
  fixture.handler.answerAt(1).workerShare = { ...SHARE, queueUs: null, headUs: null };
  fixture.handler.answerAt(1).answer("hello");
  const answers = readResponses(fixture.received, "GET", "GET", "TRACE");
  assert.deepEqual(
    answers.map(({ fields }) => fields.get("server-timing")),
    ["queue;dur=0.04, app;dur=4.5", undefined, undefined],
  );
});
