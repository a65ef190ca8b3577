/** A client's socket that a worker is lent by way of its channel. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { SocketLoan } from "../../src/workers/application-request.ts";
import { ChannelFixture, type SentJob } from "./channel-fixture.ts";
import {
  borrowFrame,
  chunkFrame,
  closingFrame,
  frame,
  headFrame,
  responseFrame,
  sentFrame,
} from "./fake-worker.ts";

const DESCRIPTOR = 33;

/** Lends its socket, for so many bytes of content. */
class Lender implements SocketLoan {
  readonly descriptor = DESCRIPTOR;
  isChunked = false;
  leftBytes: number;
  lent = 0;
  /** What it was to send for the worker, and how much of all was framing. */
  rest = "";
  framingBytes = 0;

  constructor(leftBytes: number) {
    this.leftBytes = leftBytes;
  }

  readonly lendSocket = (): SocketLoan => {
    this.lent++;
    return this;
  };

  onSent(sentBytes: number, framingBytes: number, rest: Buffer): boolean {
    this.leftBytes -= sentBytes + rest.length - framingBytes;
    this.framingBytes += framingBytes;
    this.rest += rest.toString();
    return this.leftBytes >= 0;
  }
}

/** A worker that has begun an answer, whose receiver may lend its socket. */
function begun(leftBytes = 1_000): { fixture: ChannelFixture; sent: SentJob; lender: Lender } {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/large");
  const lender = new Lender(leftBytes);
  Object.assign(sent.sink, { lendSocket: lender.lendSocket });
  fixture.worker.send(headFrame(sent));
  return { fixture, sent, lender };
}

function assertBroken(message: RegExp, ...frames: ((to: SentJob) => Buffer)[]): void {
  const { fixture, sent } = begun();
  fixture.worker.send(...frames.map((make) => make(sent)));
  assert.match(fixture.closed?.error?.message ?? "", message);
  assert.equal(sent.sink.outcomes, 0);
}

const borrow = (to: SentJob): Buffer => borrowFrame(to);
const sentSome = (to: SentJob): Buffer => sentFrame(to, 10, false);
const returnedAll = (to: SentJob): Buffer => sentFrame(to, 10, true);

test("a worker is lent the socket, says what it sends, and ends the answer", () => {
  const { fixture, sent, lender } = begun();
  fixture.worker.send(borrowFrame(sent));
  assert.deepEqual(fixture.passedSockets, [DESCRIPTOR]);
  fixture.nowMs = 700;
  fixture.worker.send(sentFrame(sent, 400, false));
  assert.equal(sent.job.activeAtMs, 700, "a sign of life, as any piece of content is");
  fixture.worker.send(sentFrame(sent, 600, true), closingFrame(sent, "end"));
  assert.equal(lender.leftBytes, 0);
  assert.equal(sent.sink.outcomes, 1);
  assert.equal(fixture.closed, null);
});

test("what it could not send goes the usual way, and it may ask again", () => {
  const { fixture, sent } = begun();
  fixture.worker.send(borrowFrame(sent), sentFrame(sent, 10, true), chunkFrame(sent, "rest"));
  fixture.worker.send(borrowFrame(sent), sentFrame(sent, 10, true), closingFrame(sent, "end"));
  assert.deepEqual(fixture.passedSockets, [DESCRIPTOR, DESCRIPTOR]);
  assert.equal(sent.sink.content, "rest");
  assert.equal(sent.sink.outcomes, 1);
});

test("where chunks are due, the worker says what is framing, and what is left of one", () => {
  const { fixture, sent, lender } = begun();
  lender.isChunked = true;
  fixture.worker.send(borrowFrame(sent));
  assert.deepEqual(fixture.chunkedSockets, [DESCRIPTOR]);
  fixture.worker.send(sentFrame(sent, 103, false, 5), sentFrame(sent, 7, true, 5, "abc\r\n"));
  fixture.worker.send(chunkFrame(sent, "more"), closingFrame(sent, "end"));
  assert.equal(lender.leftBytes, 1_000 - 98 - 7);
  assert.deepEqual([lender.framingBytes, lender.rest], [10, "abc\r\n"]);
  assert.equal(sent.sink.content, "more");
  assert.equal(sent.sink.outcomes, 1);
});

test("in pieces of a byte it is the same", () => {
  const { fixture, sent, lender } = begun();
  const bytes = Buffer.concat([
    borrowFrame(sent),
    sentFrame(sent, 990, true, 0, "left over"),
    chunkFrame(sent, "x"),
    closingFrame(sent, "end"),
  ]);
  fixture.worker.stream.deliverInPieces(bytes, 1);
  assert.deepEqual([lender.leftBytes, lender.rest], [1, "left over"]);
  assert.equal(sent.sink.content, "x");
});

test("a receiver that has no socket to lend refuses", () => {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  fixture.worker.send(headFrame(sent), borrowFrame(sent), chunkFrame(sent, "x"));
  assert.deepEqual(fixture.passedSockets, [null]);
  assert.equal(sent.sink.content, "x");
});

test("nobody waits any more: nothing is lent, and nothing counted", () => {
  const { fixture, sent, lender } = begun();
  sent.job.cancel();
  fixture.worker.send(borrowFrame(sent));
  assert.deepEqual(fixture.passedSockets, [null]);
  const other = begun();
  other.fixture.worker.send(borrowFrame(other.sent));
  other.sent.job.cancel();
  other.fixture.worker.send(sentFrame(other.sent, 5_000, true), closingFrame(other.sent, "end"));
  assert.equal(other.lender.leftBytes, 1_000);
  assert.equal(other.fixture.closed, null);
  assert.equal(lender.lent, 0);
});

test("the next answer of the worker can be lent its client's", () => {
  const fixture = ChannelFixture.ready();
  const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
  const lender = new Lender(10);
  Object.assign(second.sink, { lendSocket: lender.lendSocket });
  fixture.worker.send(responseFrame(first, "one"), headFrame(second), borrowFrame(second));
  fixture.worker.send(sentFrame(second, 10, true), closingFrame(second, "end"));
  assert.equal(first.sink.outcomes + second.sink.outcomes, 2);
  assert.equal(lender.leftBytes, 0);
});

test("what cannot be right ends the channel", () => {
  const early = ChannelFixture.ready();
  const sent = early.sendOne("/");
  early.worker.send(borrowFrame(sent));
  assert.match(early.closed?.error?.message ?? "", /before a head/);

  const twice = /something else while it had a client's socket/;
  assertBroken(twice, borrow, borrow);
  assertBroken(twice, borrow, (to) => chunkFrame(to, "x"));
  assertBroken(twice, borrow, (to) => closingFrame(to, "end"));
  assertBroken(twice, borrow, sentSome, (to) => closingFrame(to, "abort"));
  assertBroken(/whose socket it did not have/, sentSome);
  assertBroken(/whose socket it did not have/, borrow, returnedAll, returnedAll);
  assertBroken(/other content to a client/, borrow, (to) => sentFrame(to, 1_001, false));
  assertBroken(/other content to a client/, borrow, sentSome, (to) => sentFrame(to, 991, true));
  assertBroken(/and kept the socket/, borrow, (to) => sentFrame(to, 10, false, 0, "rest"));
  const { slot, generation } = begun().sent;
  assertBroken(/something in it/, () => frame({ slot, generation, kind: 10, body: "x" }));
  assertBroken(/something in it/, () => frame({ slot, generation, kind: 10, head: "x" }));
  const withContent = (to: SentJob): Buffer =>
    frame({ slot: to.slot, generation: to.generation, kind: 11, body: "x" });
  assertBroken(/something in it/, borrow, withContent);
});
