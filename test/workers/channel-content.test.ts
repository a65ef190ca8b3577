/** Content that a worker takes off the client's socket, and what the gateway hears of it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { ApplicationRequest, LentContent } from "../../src/workers/application-request.ts";
import { ChannelFixture, type SentJob } from "./channel-fixture.ts";
import { DispatcherFixture } from "./dispatcher-fixture.ts";
import {
  borrowFrame,
  closingFrame,
  frame,
  headFrame,
  responseFrame,
  returnedFrame,
  takenFrame,
} from "./fake-worker.ts";
import { makeRequest } from "./request.ts";

const DESCRIPTOR = 44;

/** Lends its socket, behind what has come. */
class Lender implements LentContent {
  readonly received = Buffer.from("begin");
  readonly lengthBytes: number;
  readonly arrivedBytes = 0;
  descriptor: number | null = DESCRIPTOR;
  /** What it was told, in order. */
  readonly told: string[] = [];

  constructor(lengthBytes = 1_000) {
    this.lengthBytes = lengthBytes;
  }

  lend(): number | null {
    return this.descriptor;
  }

  onTaken(): void {
    this.told.push("taken");
  }

  onReturned(bytes: Buffer, start: number, end: number): boolean {
    this.told.push(bytes.toString("latin1", start, end));
    return this.told.join("").length < this.lengthBytes;
  }

  onLeft(): void {
    this.told.push("left");
  }
}

function upload(lender: Lender, path = "/upload"): ApplicationRequest {
  return makeRequest(path, { content: lender, idempotent: false, safe: false });
}

interface Sent {
  readonly fixture: ChannelFixture;
  readonly sent: SentJob;
  readonly lender: Lender;
}

function lent(lengthBytes = 1_000): Sent {
  const fixture = ChannelFixture.ready();
  const lender = new Lender(lengthBytes);
  return { fixture, sent: fixture.sendOne(upload(lender)), lender };
}

function assertBroken(message: RegExp, ...frames: ((to: SentJob) => Buffer)[]): void {
  const { fixture, sent } = lent(20);
  fixture.worker.send(...frames.map((make) => make(sent)));
  assert.match(fixture.closed?.error?.message ?? "", message);
  assert.equal(sent.sink.outcomes, 0);
}

test("the request says what has come and how much there is; the socket goes ahead of it", () => {
  const { fixture } = lent();
  assert.deepEqual(fixture.worker.request(0).body, [Buffer.from("begin"), 1_000]);
  assert.deepEqual(fixture.passedContentSockets, [DESCRIPTOR]);
});

test("a socket that is closed by now is told of all the same", () => {
  const fixture = ChannelFixture.ready();
  const lender = new Lender();
  lender.descriptor = null;
  fixture.sendOne(upload(lender));
  assert.deepEqual(fixture.passedContentSockets, [null]);
  assert.deepEqual(fixture.worker.request(0).body, [Buffer.from("begin"), 1_000]);
});

test("a worker takes the content, and answers", () => {
  const { fixture, sent, lender } = lent();
  fixture.nowMs = 700;
  fixture.worker.send(takenFrame(sent));
  assert.deepEqual(lender.told, ["taken"]);
  assert.equal(sent.job.activeAtMs, 700, "a sign of life");
  fixture.worker.send(responseFrame(sent, "thanks"));
  assert.deepEqual([sent.sink.content, sent.sink.outcomes], ["thanks", 1]);
  assert.deepEqual(fixture.channel.outcomes, { answered: 1, failed: 0 });
});

test("a large answer to it is lent the socket again, for sending", () => {
  const { fixture, sent } = lent();
  fixture.worker.send(takenFrame(sent), headFrame(sent), borrowFrame(sent));
  assert.deepEqual(fixture.passedSockets, [null], "this receiver refuses");
  fixture.worker.send(closingFrame(sent, "end"));
  assert.equal(sent.sink.outcomes, 1);
});

for (const pieceBytes of [Infinity, 7, 1]) {
  test(`a worker gives it back, in pieces of ${pieceBytes}, and goes on with others`, () => {
    const fixture = ChannelFixture.ready();
    const lender = new Lender();
    const [first, second] = fixture.send(upload(lender), "/2") as [SentJob, SentJob];
    const bytes = Buffer.concat([
      returnedFrame(first, "abc", false),
      returnedFrame(first, "de", false),
      returnedFrame(first, "", true),
      responseFrame(second, "x"),
    ]);
    fixture.worker.stream.deliverInPieces(bytes, Math.min(pieceBytes, bytes.length));
    assert.deepEqual(lender.told, ["abc", "de", "", "left"]);
    assert.equal(first.sink.outcomes, 0, "it has no answer, and has not failed");
    assert.equal(second.sink.content, "x");
    assert.deepEqual(fixture.channel.outcomes, { answered: 1, failed: 0 }, "it is no request yet");
    assert.deepEqual(fixture.elapsedUs, [55, 100], "but the worker was busy with it");
    assert.equal(fixture.channel.underWay.length, 0);
  });
}

test("when it is told that all is left, the channel is free", () => {
  const { fixture, sent, lender } = lent();
  let underWay = -1;
  lender.onLeft = () => void (underWay = fixture.channel.underWay.length);
  fixture.worker.send(returnedFrame(sent, "", true));
  assert.equal(underWay, 0);
});

test("nobody waits any more: what becomes of the socket is told all the same", () => {
  for (const [frames, told] of [
    [(to: SentJob) => [returnedFrame(to, "abc", false), returnedFrame(to, "", true)], "abc,,left"],
    [(to: SentJob) => [takenFrame(to), responseFrame(to, "x")], "taken"],
  ] as const) {
    const { fixture, sent, lender } = lent();
    sent.job.cancel();
    fixture.worker.send(...frames(sent));
    assert.equal(lender.told.join(","), told);
    assert.equal(fixture.closed, null);
    assert.equal(fixture.channel.underWay.length, 0);
  }
});

test("what cannot be right ends the channel", () => {
  const early = /something else while it had a client's socket/;
  assertBroken(early, (to) => responseFrame(to, "x"));
  assertBroken(early, (to) => headFrame(to));
  assertBroken(early, (to) => closingFrame(to, "error"));
  assertBroken(early, (to) => borrowFrame(to));
  assertBroken(
    early,
    (to) => returnedFrame(to, "a", false),
    (to) => headFrame(to),
  );
  assertBroken(/was not to take/, takenFrame, takenFrame);
  assertBroken(/was not to take/, takenFrame, (to) => returnedFrame(to, "", true));
  assertBroken(/more content than/, (to) => returnedFrame(to, "x".repeat(20), false));
  const withHead = (to: SentJob): Buffer => frame({ ...address(to), kind: 12, head: "x" });
  assertBroken(/content that it has taken/, withHead);
  const withBody = (to: SentJob): Buffer => frame({ ...address(to), kind: 13, body: "x" });
  assertBroken(/something in it/, withBody);

  const plain = ChannelFixture.ready();
  const sent = plain.sendOne("/");
  plain.worker.send(takenFrame(sent));
  assert.match(plain.closed?.error?.message ?? "", /was not to take/);
});

test("a worker that dies under it takes it along; one that never read it does not", () => {
  for (const isRead of [true, false]) {
    const fixture = new DispatcherFixture();
    const worker = fixture.addWorker();
    const lender = new Lender();
    const { sink } = fixture.submit(upload(lender));
    fixture.endTurn();
    worker.stream.unreadByPeer = !isRead;
    fixture.kill(worker);
    const other = fixture.addWorker();
    fixture.endTurn();
    assert.deepEqual(sink.failure, isRead ? "worker-exited" : null);
    assert.equal(other.requests.length, isRead ? 0 : 1);
  }
});

test("content that was taken is never sent to another worker", () => {
  const again = { ...upload(new Lender()), idempotent: true };
  for (const [request, isUnread] of [
    // The kernel says that the worker has read nothing, which cannot be.
    [upload(new Lender()), true],
    // Nobody lends the content of such a request.
    [again, false],
  ] as const) {
    const fixture = new DispatcherFixture();
    const worker = fixture.addWorker();
    const { sink } = fixture.submit(request);
    fixture.endTurn();
    worker.send(takenFrame(worker.request(0)));
    worker.stream.unreadByPeer = isUnread;
    fixture.kill(worker);
    const other = fixture.addWorker();
    fixture.endTurn();
    assert.equal(other.requests.length, 0);
    assert.equal(sink.failure, "worker-exited");
  }
});

function address({ slot, generation }: SentJob): { slot: number; generation: number } {
  return { slot, generation };
}
