/** Interim answers (103 Early Hints) on their way through a channel. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ChannelFixture, type SentJob } from "./channel-fixture.ts";
import { DispatcherFixture, type Submitted } from "./dispatcher-fixture.ts";
import {
  closingFrame,
  frame,
  headFrame,
  interimFrame,
  readyFrame,
  responseFrame,
} from "./fake-worker.ts";

const LINK = "Link: </a.css>; rel=preload\r\n";
const HEAD = `103 Early Hints\r\n${LINK}`;
const HEAD_BYTES = HEAD.length;

function assertBroken(
  frames: (sent: SentJob) => readonly Buffer[],
  message: RegExp,
): ChannelFixture {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  fixture.worker.send(...frames(sent));
  assert.match(fixture.closed?.error?.message ?? "", message);
  assert.equal(sent.sink.outcomes, 0);
  return fixture;
}

test("they reach the sink at once, before the answer, as often as they come", () => {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  fixture.worker.send(interimFrame(sent, LINK));
  assert.deepEqual(sent.sink.interim, [HEAD]);
  fixture.worker.send(interimFrame(sent, ""), responseFrame(sent, "done"));
  assert.deepEqual(sent.sink.interim, [HEAD, "103 Early Hints\r\n"]);
  assert.equal(sent.sink.content, "done");
  assert.equal(sent.sink.outcomes, 1);
  assert.deepEqual(fixture.elapsedUs.length, 1, "an interim answer is not an answer");
});

test("cut into single bytes they are the same", () => {
  const fixture = ChannelFixture.ready();
  const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
  const bytes = Buffer.concat([
    interimFrame(first, LINK),
    interimFrame(first, LINK),
    responseFrame(first, "one"),
    interimFrame(second, LINK),
    headFrame(second, "t"),
    closingFrame(second, "end"),
  ]);
  fixture.worker.stream.deliverInPieces(bytes, 1);
  assert.deepEqual(first.sink.interim, [HEAD, HEAD]);
  assert.deepEqual(second.sink.interim, [HEAD]);
  assert.equal(first.sink.content + second.sink.content, "onet");
});

test("of a request that nobody waits for they reach nobody", () => {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  sent.job.cancel();
  fixture.worker.send(interimFrame(sent, LINK), responseFrame(sent, ""));
  assert.deepEqual(sent.sink.interim, []);
  assert.equal(fixture.closed, null);
});

test("of a request that is over, or not the oldest, they end the channel", () => {
  const stranger = /an answer to a request that it does not have/;
  assertBroken(
    ({ slot, generation }) => [interimFrame({ slot, generation: generation + 1 }, LINK)],
    stranger,
  );
  const fixture = ChannelFixture.ready();
  const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
  fixture.worker.send(responseFrame(first, ""), interimFrame(first, LINK));
  assert.match(fixture.closed?.error?.message ?? "", stranger);
  assert.deepEqual([...first.sink.interim, ...second.sink.interim], []);
});

test("behind the answer's head they end the channel", () => {
  assertBroken(
    (sent) => [headFrame(sent, "a"), interimFrame(sent, LINK)],
    /an interim answer behind a head/,
  );
});

test("only 103 is one, and it has no content", () => {
  for (const status of [0, 99, 100, 101, 102, 104, 199, 200]) {
    assertBroken(
      ({ slot, generation }) => [frame({ slot, generation, kind: 8, status, head: "x" })],
      /an interim answer of another status/,
    );
  }
  assertBroken(
    ({ slot, generation }) => [frame({ slot, generation, kind: 8, status: 103, body: "x" })],
    /an interim answer with content/,
  );
});

test("sixteen are taken for each request, and no more", () => {
  const fixture = ChannelFixture.ready();
  const jobs = fixture.send("/1", "/2") as [SentJob, SentJob];
  for (const sent of jobs) {
    for (let count = 0; count < 16; count++) fixture.worker.send(interimFrame(sent, LINK));
    assert.equal(sent.sink.interim.length, 16);
    fixture.worker.send(responseFrame(sent, ""));
  }
  assert.equal(fixture.closed, null);
  assertBroken(
    (sent) => Array.from({ length: 17 }, () => interimFrame(sent, LINK)),
    /too many interim answers/,
  );
});

test("sixteen thousand bytes of heads are taken for a request, and no more", () => {
  const filler = (bytes: number): string => `X: ${"x".repeat(bytes - "X: \r\n".length)}\r\n`;
  const room = 16_384 - HEAD_BYTES - "103 Early Hints\r\n".length;
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  fixture.worker.send(interimFrame(sent, LINK), interimFrame(sent, filler(room)));
  assert.equal(fixture.closed, null);
  assertBroken(
    (other) => [interimFrame(other, LINK), interimFrame(other, filler(room + 1))],
    /too many interim answers/,
  );
});

test("they give the application no more time", () => {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  fixture.nowMs = 5000;
  fixture.worker.send(interimFrame(sent, LINK));
  assert.equal(sent.job.activeAtMs, 0);
});

test("a request whose worker died after them is run again, and may send them again", () => {
  const fixture = new DispatcherFixture();
  const [first, second] = [fixture.addWorker(), fixture.addStartingWorker()];
  const [{ sink }] = fixture.submitAll("/") as [Submitted];
  for (let count = 0; count < 16; count++) first.send(interimFrame(first.request(0), LINK));
  fixture.kill(first);
  second.send(readyFrame(2));
  fixture.endTurn();
  for (let count = 0; count < 16; count++) second.send(interimFrame(second.request(0), LINK));
  fixture.answer(second, 0);
  assert.equal(sink.interim.length, 32);
  assert.equal(sink.content, "done");
});
