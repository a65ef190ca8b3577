/** Where each exchange of a connection stands in its trace, however it goes. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ExchangeRecord } from "../../src/server/access-log/exchange-record.ts";
import { ExchangeClock } from "../../src/server/exchange-clock.ts";
import type { ExchangeTrace } from "../../src/server/traces/exchange-trace.ts";
import { RequestTracer } from "../../src/server/traces/request-tracer.ts";
import { ConnectionFixture, get, post, SCREENING } from "./connection-fixture.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const STRANGER = `traceparent: 00-${TRACE}-b7ad6b7169203331-01\r\n`;

interface Told {
  readonly trace: ExchangeTrace | null;
  readonly receivedUs: number | null;
  readonly answeredUs: number | null;
  readonly entry: string | null;
}

class TracedConnection {
  readonly told: Told[] = [];
  readonly fixture: ConnectionFixture;
  nowMs = 1_000;
  isSampled = true;

  constructor() {
    const add = (record: ExchangeRecord): void => {
      const { trace, receivedUs, answeredUs } = record;
      const entry = record.environ("HTTP_TRACEPARENT");
      this.told.push({ trace, receivedUs, answeredUs, entry });
    };
    const clock = { nowMs: () => this.nowMs, epochMs: () => this.nowMs };
    this.fixture = new ConnectionFixture({}, SCREENING.admissionRules, null, {
      listener: { readsResponseFields: false, add: (record) => add(record as ExchangeRecord) },
      record: new ExchangeRecord("drop"),
      clock: new ExchangeClock(clock),
      fromStart: true,
      tracer: new RequestTracer(() => this.isSampled, "trusted", SCREENING.provenance),
    });
  }

  /** What the application is told of the request at this place. */
  applicationAt(index: number): string | undefined {
    return this.fixture.handler.answerAt(index).request.trace?.traceparent;
  }
}

test("what the application is told is what is recorded, and when each phase began", () => {
  const connection = new TracedConnection();
  const { fixture, told } = connection;
  const request = post("/a", "12345", STRANGER);
  fixture.client.deliver(request.slice(0, -2));
  connection.nowMs = 1_002;
  fixture.client.deliver(request.slice(-2));
  connection.nowMs = 1_005;
  fixture.handler.answerAt(0).begin("one");
  connection.nowMs = 1_009;
  fixture.handler.answerAt(0).end();
  assert.equal(told.length, 1);
  const [exchange] = told;
  assert.notEqual(exchange?.trace?.traceId, TRACE);
  assert.equal(exchange?.trace?.traceparent, connection.applicationAt(0));
  assert.deepEqual([exchange?.receivedUs, exchange?.answeredUs], [2_000, 5_000]);
  assert.equal(exchange?.entry, connection.applicationAt(0), "not what its client says");
});

test("nothing of an exchange stays for the next one, which may not be handed on", () => {
  const connection = new TracedConnection();
  const { fixture, told } = connection;
  fixture.client.deliver(get("/a", STRANGER) + get("/a", STRANGER));
  fixture.handler.answerAt(0).answer("hello");
  fixture.handler.answerAt(1).answer("hello");
  fixture.client.deliver("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
  fixture.client.deliver("no request\r\n\r\n");
  assert.equal(told.length, 4);
  const spans = told.map(({ trace }) => trace?.spanId);
  assert.equal(new Set(spans).size, 4, "each has its own");
  assert.deepEqual(
    told.map(({ receivedUs }) => receivedUs !== null),
    [true, true, false, false],
  );
  assert.deepEqual(
    told.map(({ trace }) => trace?.linked?.traceId ?? null),
    [TRACE, TRACE, null, null],
  );
});

test("of what is not recorded no time is taken", () => {
  const connection = new TracedConnection();
  connection.isSampled = false;
  connection.fixture.client.deliver(get("/a"));
  connection.fixture.handler.answerAt(0).answer("hello");
  const [exchange] = connection.told;
  assert.deepEqual([exchange?.receivedUs, exchange?.answeredUs], [null, null]);
  assert.match(connection.applicationAt(0) ?? "", /-00$/);
});
