/**
 * Time and back-pressure of a connection: every wait ends, and nobody is read from faster than it
 * is taken.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ConnectionFixture, get, post, SETTINGS } from "./connection-fixture.ts";
import { readResponse, readResponses } from "./response-reader.ts";

test("a client that pipelines without end is not read any more, until its answers are out", () => {
  const fixture = new ConnectionFixture();
  const request = get("/".padEnd(150, "a"));
  const count = Math.ceil(65_536 / request.length) + 2;
  for (let sent = 0; sent < count; sent++) fixture.client.deliver(request);
  assert.ok(fixture.client.paused);
  fixture.client.deliver(get("/last"));
  for (let place = 0; place <= count; place++) {
    fixture.handler.answerAt(place).answer("");
    fixture.client.turn();
  }
  assert.equal(fixture.client.paused, false);
  assert.equal(fixture.handler.answers.length, count + 1);
  assert.equal(fixture.handler.answers.at(-1)?.path, "/last");
});

test("lingering ends with the client's end, or after two seconds", () => {
  const ended = new ConnectionFixture();
  ended.client.deliver("bad\r\n\r\n");
  ended.client.deliverEnd();
  assert.ok(ended.client.closed);
  const silent = new ConnectionFixture();
  silent.client.deliver("bad\r\n\r\n");
  silent.sweepAt(1_999);
  assert.equal(silent.client.closed, false);
  silent.sweepAt(2_000);
  assert.ok(silent.client.closeReported);
  assert.equal(silent.closedReports, 1);
});

test("a client that goes on sending can read its answer, for thirty seconds at most", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver("bad\r\n\r\n");
  for (let now = 1_000; now < 30_000; now += 1_000) {
    fixture.sweepAt(now);
    fixture.client.deliver("more");
    assert.equal(fixture.client.closed, false);
  }
  fixture.sweepAt(30_000);
  assert.ok(fixture.client.closeReported);
});

test("a client that takes its last answer slowly is waited for", () => {
  const fixture = new ConnectionFixture();
  fixture.client.takeAtMost(10);
  fixture.client.deliver("bad\r\n\r\n");
  fixture.client.deliverEnd();
  fixture.sweepAt(5_000);
  assert.equal(fixture.client.closed, false);
  fixture.client.drain();
  assert.ok(fixture.client.closeReported);
  assert.equal(readResponse(fixture.received).status, 400);
});

test("a slow client stops the worker, and starts it again", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(get("/"));
  const answer = fixture.handler.answerAt(0);
  answer.begin();
  fixture.client.takeAtMost(0);
  answer.more("a".repeat(900));
  assert.equal(answer.paused, false, "it fits into the buffer");
  answer.more("b".repeat(900));
  assert.ok(answer.paused);
  answer.more("c");
  fixture.client.drain(100);
  assert.ok(answer.paused, "not before all of it has left");
  fixture.client.drain();
  assert.equal(answer.paused, false);
  answer.end();
  assert.equal(readResponse(fixture.received).content, `${"a".repeat(900)}${"b".repeat(900)}c`);
});

test("the next request is not begun while the client has not taken its answers", () => {
  const fixture = new ConnectionFixture();
  fixture.client.takeAtMost(0);
  fixture.client.deliver(get("/1") + get("/2"));
  fixture.handler.answerAt(0).answer("a".repeat(2_000));
  assert.equal(fixture.handler.answers.length, 1);
  fixture.client.drain();
  assert.equal(fixture.handler.answers.length, 2);
  fixture.handler.answerAt(1).answer("two");
  assert.equal(readResponses(fixture.received, "GET", "GET")[1]?.content, "two");
});

test("a client that takes nothing for too long is closed, one that takes a little is not", () => {
  const fixture = new ConnectionFixture();
  fixture.client.takeAtMost(0);
  fixture.client.deliver(get("/"));
  fixture.handler.answerAt(0).begin("a".repeat(5_000));
  fixture.sweepAt(0);
  fixture.sweepAt(39_000);
  fixture.client.drain(1);
  fixture.sweepAt(39_500);
  fixture.sweepAt(79_499);
  assert.equal(fixture.client.closed, false);
  fixture.sweepAt(79_500);
  assert.ok(fixture.client.closeReported);
  assert.ok(fixture.handler.answerAt(0).cancelled);
});

test("an answer that only the connection's end ends is reset where it is given up", () => {
  const slow = new ConnectionFixture();
  slow.client.takeAtMost(100);
  slow.client.deliver(get("/", "", "HTTP/1.0"));
  slow.handler.answerAt(0).begin("a".repeat(500));
  slow.handler.answerAt(0).end();
  slow.sweepAt(0);
  slow.sweepAt(40_000);
  assert.ok(slow.client.wasReset, "what the client has looks like the whole");
  const stopped = new ConnectionFixture();
  stopped.client.deliver(get("/", "", "HTTP/1.0"));
  stopped.handler.answerAt(0).begin("a");
  stopped.connection.close();
  assert.ok(stopped.client.wasReset);
  const whole = new ConnectionFixture();
  whole.client.deliver(get("/", "", "HTTP/1.0"));
  whole.handler.answerAt(0).begin("a");
  whole.handler.answerAt(0).end();
  whole.connection.close();
  assert.equal(whole.client.wasReset, false);
});

test("deadlines: who begins a request and does not finish its head gets 408", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver("GET / HTTP/1.1\r\n");
  fixture.sweepAt(9_000);
  // A byte now and then does not buy more time.
  fixture.client.deliver("Host: a\r\n");
  fixture.sweepAt(9_999);
  assert.equal(fixture.received.length, 0);
  fixture.sweepAt(10_000);
  assert.equal(readResponse(fixture.received).status, 408);
  assert.ok(fixture.client.sawEnd);
});

test("deadlines: who begins nothing is closed without an answer", () => {
  const fixture = new ConnectionFixture();
  fixture.sweepAt(10_000);
  assert.ok(fixture.client.closeReported);
  assert.equal(fixture.received.length, 0);
});

test("deadlines: the second head has its own time, from its first byte on", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(get("/"));
  fixture.handler.answerAt(0).answer("");
  fixture.takeReceived();
  fixture.sweepAt(25_000);
  fixture.client.deliver("GET /");
  fixture.sweepAt(34_999);
  assert.equal(fixture.client.sawEnd, false);
  fixture.sweepAt(35_000);
  assert.equal(readResponse(fixture.takeReceived()).status, 408);
});

test("deadlines: a content that stops coming gets 408, one that comes slowly has its time", () => {
  const fixture = new ConnectionFixture();
  const request = post("/", "hello");
  fixture.client.deliver(request.slice(0, -5));
  fixture.sweepAt(19_000);
  fixture.client.deliver("h");
  fixture.sweepAt(38_999);
  assert.equal(fixture.received.length, 0);
  fixture.sweepAt(39_000);
  assert.equal(readResponse(fixture.received).status, 408);
  assert.ok(fixture.client.sawEnd);
  assert.equal(fixture.handler.answers.length, 0);
});

test("deadlines: an idle connection is closed, one that waits for its answer is not", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(get("/"));
  fixture.sweepAt(1_000_000);
  assert.equal(fixture.client.closed, false);
  fixture.handler.answerAt(0).answer("");
  assert.ok(fixture.connection.isIdle());
  fixture.sweepAt(1_029_999);
  assert.equal(fixture.client.closed, false);
  fixture.sweepAt(1_030_000);
  assert.ok(fixture.client.closeReported);
  readResponse(fixture.received);
});

test("without keep-alive each answer closes its connection", () => {
  const fixture = new ConnectionFixture({ keepAliveTimeoutMs: null });
  fixture.client.deliver(get("/") + get("/next"));
  fixture.handler.answerAt(0).answer("one");
  assert.equal(readResponse(fixture.received).fields.get("connection"), "close");
  assert.ok(fixture.client.sawEnd);
  assert.equal(fixture.handler.answers.length, 1);
});

test("an idle time begins when the answer has been taken", () => {
  const fixture = new ConnectionFixture();
  fixture.client.takeAtMost(100);
  fixture.client.deliver(get("/"));
  fixture.handler.answerAt(0).answer("a".repeat(500));
  assert.equal(fixture.connection.isIdle(), false);
  fixture.sweepAt(0);
  fixture.sweepAt(35_000);
  assert.equal(fixture.client.closed, false, "some of the answer is still to come");
  fixture.client.drain();
  assert.ok(fixture.connection.isIdle());
  fixture.sweepAt(64_999);
  assert.equal(fixture.client.closed, false);
  fixture.sweepAt(65_000);
  assert.ok(fixture.client.closed);
});

test("while too much content waits for the disk, the client is not read", async () => {
  const fixture = new ConnectionFixture();
  const content = "0123456789abcdef".repeat(150_000);
  fixture.client.deliver(post("/", content));
  assert.equal(fixture.handler.answers.length, 0, "not before it is written");
  assert.ok(fixture.client.paused);
  while (fixture.handler.answers.length === 0) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  assert.equal(fixture.client.paused, false);
  const spooled = fixture.handler.answerAt(0).request.content;
  assert.ok(spooled !== null && !Buffer.isBuffer(spooled));
  assert.equal(spooled.lengthBytes, content.length);
  fixture.handler.answerAt(0).answer("done");
  assert.equal(readResponse(fixture.received, "POST").content, "done");
});

test("a content that comes a byte at a time is refused once its rate is known", () => {
  const fixture = new ConnectionFixture({
    contentTransfer: { pauseMaxMs: 20_000, rateMinBytes: 100 },
  });
  const request = post("/", "a".repeat(100));
  fixture.client.deliver(request.slice(0, -100));
  for (let now = 1_000; now <= 5_000; now += 1_000) {
    fixture.sweepAt(now);
    fixture.client.deliver("a");
  }
  assert.equal(fixture.received.length, 0);
  fixture.sweepAt(6_000);
  assert.equal(readResponse(fixture.received).status, 408);
  assert.equal(fixture.handler.answers.length, 0);
});

test("a client that takes a byte at a time is reset once its rate is known", () => {
  const fixture = new ConnectionFixture({
    outlet: { ...SETTINGS.outlet, transfer: { pauseMaxMs: 40_000, rateMinBytes: 100 } },
  });
  fixture.client.takeAtMost(100);
  fixture.client.deliver(get("/"));
  fixture.handler.answerAt(0).answer("a".repeat(900));
  for (let now = 0; now <= 5_000; now += 1_000) {
    fixture.sweepAt(now);
    fixture.client.drain(1);
    assert.equal(fixture.client.closed, false);
  }
  fixture.sweepAt(6_000);
  assert.ok(fixture.client.wasReset);
});

test("an exchange that takes too long in all is ended, wherever it is", () => {
  const begun = (sent: string): ConnectionFixture => {
    const fixture = new ConnectionFixture({ exchangeTimeoutMs: 5_000 });
    fixture.sweepAt(1_000);
    fixture.client.deliver(sent);
    fixture.sweepAt(5_999);
    return fixture;
  };
  const inHead = begun("GET / HT");
  const inContent = begun(post("/", "hello").slice(0, -1));
  const waiting = begun(get("/"));
  assert.equal(waiting.received.length, 0);
  for (const [fixture, status] of [
    [inHead, 408],
    [inContent, 408],
    [waiting, 504],
  ] as const) {
    fixture.sweepAt(6_000);
    const late = readResponse(fixture.received);
    assert.equal(late.status, status);
    assert.equal(late.fields.get("connection"), "close");
  }
  assert.ok(waiting.handler.answerAt(0).cancelled);
});

test("an answer that is under way when the exchange has taken too long is cut", () => {
  const fixture = new ConnectionFixture({ exchangeTimeoutMs: 5_000 });
  fixture.client.deliver(get("/"));
  fixture.handler.answerAt(0).begin("a");
  fixture.sweepAt(5_000);
  assert.ok(fixture.handler.answerAt(0).cancelled);
  assert.ok(fixture.client.closed);
});

test("each exchange has its own time; between two of them none passes", () => {
  const fixture = new ConnectionFixture({ exchangeTimeoutMs: 5_000 });
  for (let now = 0; now < 60_000; now += 4_000) {
    fixture.client.deliver(get("/"));
    fixture.handler.answers.at(-1)?.answer("");
    fixture.sweepAt(now);
    assert.equal(fixture.client.closed, false);
  }
  fixture.takeReceived();
  fixture.sweepAt(80_000);
  assert.equal(fixture.takeReceived().length, 0);
});
