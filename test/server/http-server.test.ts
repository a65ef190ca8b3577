import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { HealthRule } from "../../src/handlers/health-rule.ts";
import type { AccessRecord } from "../../src/server/access-log/access-record.ts";
import { ExchangeRecord } from "../../src/server/access-log/exchange-record.ts";
import { ExchangeClock } from "../../src/server/exchange-clock.ts";
import { SWEEP_INTERVAL_MS } from "../../src/server/http-server.ts";
import { LOOKS_MAX } from "../../src/server/waiting-connection.ts";
import { MemoryStream } from "../net/memory-stream.ts";
import { get, SETTINGS } from "./connection-fixture.ts";
import { readResponse } from "./response-reader.ts";
import { FIRST, isSettled, look, SECOND, ServerFixture } from "./server-fixture.ts";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

test("connections are accepted once the server starts, those that waited as well", async () => {
  const fixture = new ServerFixture();
  await fixture.server.listen([FIRST, SECOND], 128);
  const [first, second] = fixture.transport.listeners;
  const client = first?.connect();
  assert.equal(fixture.server.connectionCount, 0);
  fixture.server.start();
  second?.connect();
  assert.equal(fixture.server.connectionCount, 2);
  client?.break();
  assert.equal(fixture.server.connectionCount, 1);
});

test("all addresses are bound, or none", async () => {
  const fixture = new ServerFixture();
  fixture.transport.refused = SECOND;
  await assert.rejects(fixture.server.listen([FIRST, SECOND], 128), /EADDRINUSE/);
  assert.deepEqual(
    fixture.transport.listeners.map(({ isStopped }) => isStopped),
    [true],
  );
});

test("responses carry the date of the last sweep, and the Server field", async () => {
  const fixture = new ServerFixture();
  const client = (await fixture.listen()).connect();
  fixture.sweepAt(1_000);
  client.deliver(get("/"));
  fixture.handler.answerAt(0).answer("");
  const { fields } = readResponse(client.received);
  assert.equal(fields.get("date"), "Sun, 06 Nov 1994 08:49:38 GMT");
  assert.equal(fields.get("server"), "portico");
});

test("exchanges that nobody listens to yet are told from the one that begins next", async () => {
  const paths: (string | null)[] = [];
  const add = ({ path }: AccessRecord): void => void paths.push(path);
  const exchangeLogging = {
    listener: { readsResponseFields: false, add },
    record: new ExchangeRecord("drop"),
    clock: new ExchangeClock({ nowMs: () => 0, epochMs: () => 0 }),
    fromStart: false,
    tracer: null,
  };
  const fixture = new ServerFixture({ exchangeLogging });
  const client = (await fixture.listen()).connect();
  client.deliver(get("/unseen"));
  fixture.server.tellExchanges();
  fixture.handler.answerAt(0).answer("");
  client.deliver(get("/seen"));
  fixture.handler.answerAt(1).answer("");
  assert.deepEqual(paths, ["/seen"]);
});

test("one connection too many is turned away, and room is made when one ends", async () => {
  const fixture = new ServerFixture({ connectionsMax: 1 });
  const listener = await fixture.listen();
  const first = listener.connect();
  const second = listener.connect();
  look([second], LOOKS_MAX - 1);
  assert.equal(second.received.length, 0);
  look([second], 1);
  assert.equal(readResponse(second.received).status, 503);
  second.deliverEnd();
  assert.ok(second.closeReported);
  first.break();
  const third = listener.connect();
  third.deliver(get("/"));
  assert.equal(fixture.handler.answers.length, 1);
});

test("who was turned away and stays keeps nobody out; of them there is a bound, too", async () => {
  const fixture = new ServerFixture({ connectionsMax: 1 });
  const listener = await fixture.listen();
  const first = listener.connect();
  const waiting = listener.connect();
  const turnedAway = listener.connect();
  assert.equal(readResponse(turnedAway.received).status, 503, "one waits, no more than the limit");
  const closedAtOnce = listener.connect();
  assert.ok(closedAtOnce.closed);
  assert.equal(closedAtOnce.received.length, 0);
  look([waiting]);
  assert.ok(waiting.closeReported);
  first.break();
  const next = listener.connect();
  next.deliver(get("/"));
  assert.equal(fixture.handler.answers.length, 1);
  assert.equal(fixture.server.connectionCount, 2);
});

test("one connection too many may ask how the gateway is, and nothing else", async () => {
  const fixture = new ServerFixture({ connectionsMax: 1 });
  fixture.server.health = new HealthRule({ livez: "/livez", readyz: null }, () => null);
  const listener = await fixture.listen();
  listener.connect();
  const probe = listener.connect();
  look([probe]);
  assert.equal(probe.received.length, 0);
  probe.deliver(get("/livez") + get("/livez"));
  const live = readResponse(probe.received);
  assert.equal(live.status, 200);
  assert.equal(live.fields.get("connection"), "close");
  probe.deliverEnd();
  const other = listener.connect();
  other.deliver(get("/"));
  look([other]);
  assert.equal(readResponse(other.received).status, 503);
  other.deliverEnd();
  const silent = listener.connect();
  look([silent]);
  fixture.sweepAt(500);
  assert.equal(silent.received.length, 0);
  fixture.sweepAt(1_500);
  assert.equal(readResponse(silent.received).status, 503);
  assert.equal(fixture.handler.answers.length, 0);
});

test("one connection too many is served if a place is free a moment later", async () => {
  for (const limit of [{ connectionsMax: 1 }, { connectionsPerAddressMax: 1 }]) {
    const fixture = new ServerFixture(limit);
    const listener = await fixture.listen();
    const first = listener.connect();
    const second = listener.connect();
    second.deliver(get("/"));
    assert.equal(fixture.handler.answers.length, 0, "it is not read yet");
    first.break();
    look([second], 1);
    fixture.handler.answerAt(0).answer("hello");
    assert.equal(readResponse(second.received).content, "hello");
    assert.equal(fixture.server.connectionCount, 1);
    second.break();
    assert.equal(fixture.server.connectionCount, 0);
  }
});

test("who is gone before a place is free has left nothing behind", async () => {
  const fixture = new ServerFixture({ connectionsMax: 1 });
  const listener = await fixture.listen();
  const first = listener.connect();
  const gone = listener.connect();
  gone.break();
  assert.equal(fixture.server.connectionCount, 1);
  const closedUnseen = listener.connect();
  closedUnseen.close();
  look([closedUnseen]);
  assert.ok(closedUnseen.closeReported);
  const next = listener.connect();
  first.break();
  look([next], 1);
  next.deliver(get("/"));
  assert.equal(fixture.handler.answers.length, 1);
});

test("a stop waits for whoever waits for a place, too", async () => {
  const fixture = new ServerFixture({ connectionsMax: 1 });
  const listener = await fixture.listen();
  const first = listener.connect();
  const second = listener.connect();
  second.deliver(get("/"));
  const drained = fixture.server.drain();
  fixture.sweepAt(10_000);
  first.turn();
  assert.ok(first.closeReported);
  assert.equal(await isSettled(drained), false);
  look([second], 1);
  fixture.handler.answerAt(0).answer("done");
  assert.equal(readResponse(second.received).content, "done");
  second.deliverEnd();
  assert.ok(await isSettled(drained));
});

test("an end at once closes whoever waits for a place, too", async () => {
  const fixture = new ServerFixture({ connectionsMax: 1 });
  const listener = await fixture.listen();
  const streams = [listener.connect(), listener.connect()];
  fixture.server.closeAll();
  look(streams);
  assert.ok(streams.every(({ closeReported }) => closeReported));
  assert.equal(fixture.server.connectionCount, 0);
});

test("a stop waits for what is under way, and closes what is idle after a moment", async () => {
  const fixture = new ServerFixture();
  const listener = await fixture.listen();
  const busy = listener.connect();
  const idle = listener.connect();
  busy.deliver(get("/busy"));
  const drained = fixture.server.drain();
  assert.ok(listener.isStopped);
  fixture.sweepAt(499);
  assert.equal(idle.closed, false, "its next request may be on its way");
  fixture.sweepAt(500);
  idle.turn();
  assert.ok(idle.closeReported);
  assert.equal(await isSettled(drained), false);
  fixture.handler.answerAt(0).answer("done");
  assert.equal(readResponse(busy.received).fields.get("connection"), "close");
  busy.deliverEnd();
  assert.ok(await isSettled(drained));
  assert.equal(fixture.server.connectionCount, 0);
});

test("a request that comes on an idle connection during a stop is answered", async () => {
  const fixture = new ServerFixture();
  const client = (await fixture.listen()).connect();
  const drained = fixture.server.drain();
  client.deliver(get("/late"));
  fixture.sweepAt(10_000);
  assert.equal(client.closed, false);
  fixture.handler.answerAt(0).answer("late");
  assert.equal(readResponse(client.received).content, "late");
  client.deliverEnd();
  assert.ok(await isSettled(drained));
});

test("a stop accepts what the kernel still holds, and answers it", async () => {
  const fixture = new ServerFixture();
  const listener = await fixture.listen();
  const client = new MemoryStream();
  listener.waiting.push(client);
  const drained = fixture.server.drain();
  client.deliver(get("/"));
  fixture.handler.answerAt(0).answer("done");
  assert.equal(readResponse(client.received).content, "done");
  client.deliverEnd();
  assert.ok(await isSettled(drained));
});

test("a stop with no connections is done at once", async () => {
  const fixture = new ServerFixture();
  await fixture.listen();
  await fixture.server.drain();
});

test("an end at once closes everything, and the stop that was waiting is done", async () => {
  const fixture = new ServerFixture();
  const client = (await fixture.listen()).connect();
  client.deliver(get("/"));
  const drained = fixture.server.drain();
  fixture.server.closeAll();
  client.turn();
  assert.ok(client.closeReported);
  assert.ok(fixture.handler.answerAt(0).cancelled);
  assert.ok(await isSettled(drained));
});

test("the sweep reaches each connection's deadlines", async () => {
  const fixture = new ServerFixture();
  const client = (await fixture.listen()).connect();
  client.deliver("GET /");
  fixture.sweepAt(SETTINGS.headerTimeoutMs);
  assert.equal(client.received.length, 0);
  fixture.sweepAt(SETTINGS.headerTimeoutMs + SWEEP_INTERVAL_MS);
  assert.equal(readResponse(client.received).status, 408);
});

test("a deadline does not come early where the last sweep was a while ago", async () => {
  const fixture = new ServerFixture({
    contentTransfer: { pauseMaxMs: 100, rateMinBytes: null },
  });
  const client = (await fixture.listen()).connect();
  fixture.sweepAt(1_000);
  // This arrives just before the next sweep.
  client.deliver("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
  fixture.sweepAt(1_000 + SWEEP_INTERVAL_MS);
  assert.equal(client.received.length, 0);
  fixture.sweepAt(1_000 + 2 * SWEEP_INTERVAL_MS);
  assert.equal(readResponse(client.received).status, 408);
});
