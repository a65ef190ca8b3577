/** When a connection lends its socket, and what becomes of its answer then. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { SocketLoan } from "../../src/workers/application-request.ts";
import { ConnectionFixture, get } from "./connection-fixture.ts";
import type { PlayedAnswer } from "./played-handler.ts";

const DESCRIPTOR = 77;
const NOTHING = Buffer.alloc(0);

function lendable(): ConnectionFixture {
  const fixture = new ConnectionFixture();
  fixture.client.lentAs = DESCRIPTOR;
  return fixture;
}

function begun(fixture: ConnectionFixture, declared: number | null, first = ""): PlayedAnswer {
  fixture.client.deliver(Buffer.from(get("/large")));
  const answer = fixture.handler.answers.at(-1);
  assert.ok(answer !== undefined);
  answer.begin(first, declared);
  return answer;
}

function lend(answer: PlayedAnswer): SocketLoan | null {
  assert.ok(answer.sink.lendSocket !== undefined);
  return answer.sink.lendSocket();
}

test("content whose length was declared may be sent by another, in parts", () => {
  const fixture = lendable();
  const answer = begun(fixture, 1_000, "begin");
  const before = fixture.client.sentBytes;
  const loan = lend(answer);
  assert.equal(loan?.descriptor, DESCRIPTOR);
  assert.ok(fixture.received.toString().endsWith("\r\n\r\nbegin"), "all before it has left");
  assert.equal(loan.onSent(500, 0, NOTHING), true);
  assert.equal(loan.onSent(400, 0, NOTHING), true);
  assert.equal(fixture.client.sentBytes, before + 900);
  answer.more("x".repeat(95));
  answer.end();
  assert.ok(fixture.received.toString().endsWith(`begin${"x".repeat(95)}`));
  assert.equal(fixture.client.closed, false);
  begun(fixture, 4, "next").end();
  assert.equal(fixture.handler.answers.length, 2, "the connection goes on");
});

test("no more than was declared", () => {
  const loan = lend(begun(lendable(), 1_000));
  assert.equal(loan?.onSent(1_000, 0, NOTHING), true);
  assert.equal(loan.onSent(1, 0, NOTHING), false);
});

test("an answer that falls short is cut, whoever has sent it", () => {
  const fixture = lendable();
  const answer = begun(fixture, 1_000);
  lend(answer)?.onSent(999, 0, NOTHING);
  answer.end();
  assert.ok(fixture.client.sawEnd);
});

test("a worker that dies with the socket: the client sees an end", () => {
  const fixture = lendable();
  const answer = begun(fixture, 1_000);
  assert.ok(lend(answer) !== null);
  answer.sink.onAnswerFailure("worker-exited");
  assert.ok(fixture.client.sawEnd);
  assert.ok(!fixture.received.toString().includes("502"), "its content has begun");
});

test("content without a length is sent in chunks, and what is left of one goes as it is", () => {
  const fixture = lendable();
  const answer = begun(fixture, null, "begin");
  const loan = lend(answer);
  assert.equal(loan?.isChunked, true);
  const before = fixture.client.sentBytes;
  assert.equal(loan.onSent(3 + 100 + 2, 5, NOTHING), true);
  assert.equal(loan.onSent(4, 5, Buffer.from("the rest\r\n")), true);
  assert.equal(fixture.client.sentBytes, before + 105 + 4 + 10);
  answer.more("more");
  answer.end();
  assert.ok(
    fixture.received.toString().endsWith("5\r\nbegin\r\nthe rest\r\n4\r\nmore\r\n0\r\n\r\n"),
  );
  begun(fixture, 4, "next").end();
  assert.equal(fixture.handler.answers.length, 2, "the connection goes on");
});

test("more framing than bytes, and framing where there is none, is refused", () => {
  assert.equal(lend(begun(lendable(), null))?.onSent(4, 5, NOTHING), false);
  assert.equal(lend(begun(lendable(), 1_000))?.onSent(100, 5, NOTHING), false);
});

test("to a client of HTTP/1.0 content without a length goes as it is, until the end", () => {
  const fixture = lendable();
  fixture.client.deliver(Buffer.from("GET / HTTP/1.0\r\n\r\n"));
  const [answer] = fixture.handler.answers;
  assert.ok(answer !== undefined);
  answer.begin("begin", null);
  assert.equal(lend(answer)?.isChunked, false);
  answer.end();
  assert.ok(fixture.received.toString().endsWith("\r\n\r\nbegin"));
  assert.ok(fixture.client.sawEnd);
});

test("nothing is lent for content that is all there, or that there is not", () => {
  for (const [declared, first] of [
    [5, "whole"],
    [0, ""],
  ] as const) {
    assert.equal(lend(begun(lendable(), declared, first)), null);
  }
  const head = lendable();
  head.client.deliver(Buffer.from("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"));
  const [answer] = head.handler.answers;
  assert.ok(answer !== undefined);
  answer.begin("", 1_000);
  assert.equal(lend(answer), null);
});

test("nothing is lent while the client has something to take, or is gone", () => {
  const slow = lendable();
  slow.client.takeAtMost(10);
  const answer = begun(slow, 1_000);
  assert.equal(lend(answer), null);
  slow.client.drain();
  assert.equal(lend(answer)?.descriptor, DESCRIPTOR);

  const gone = lendable();
  const late = begun(gone, 1_000);
  gone.client.close();
  assert.equal(lend(late), null);
});
