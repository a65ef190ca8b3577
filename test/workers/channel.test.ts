import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { ChannelFixture, type SentJob, WORKER_PID } from "./channel-fixture.ts";
import {
  chunkFrame,
  closingFrame,
  frame,
  headFrame,
  readyFrame,
  responseFrame,
} from "./fake-worker.ts";
import { makeRequest, templateNamed } from "./request.ts";

/** An answer of each kind, one behind the other, as the worker sends them to three requests. */
function mixedAnswers([whole, streamed, failed]: readonly SentJob[]): Buffer {
  assert.ok(whole !== undefined && streamed !== undefined && failed !== undefined);
  return Buffer.concat([
    responseFrame(whole, "whole content", 11),
    headFrame(streamed, "first,"),
    chunkFrame(streamed, ""),
    chunkFrame(streamed, "second,"),
    chunkFrame(streamed, "third"),
    closingFrame(streamed, "end", 22),
    closingFrame(failed, "error", 33),
  ]);
}

function assertMixedAnswers(fixture: ChannelFixture, jobs: readonly SentJob[]): void {
  const [whole, streamed, failed] = jobs.map(({ sink }) => sink);
  assert.equal(whole?.status, 200);
  assert.equal(whole.contentLength, 13);
  assert.equal(whole.head, "200 OK\r\nContent-Length: 13\r\n");
  assert.equal(whole.content, "whole content");
  assert.equal(streamed?.contentLength, null);
  assert.equal(streamed.content, "first,second,third");
  assert.equal(failed?.failure, "application-error");
  assert.deepEqual(
    jobs.map(({ sink }) => sink.outcomes),
    [1, 1, 1],
  );
  assert.deepEqual(fixture.elapsedUs, [11, 22, 33]);
  assert.equal(fixture.channel.underWay.length, 0);
  assert.equal(fixture.jobs.size, 0);
  assert.equal(fixture.closed, null);
}

test("a batch is one write with one list of requests", () => {
  const fixture = ChannelFixture.ready();
  const [first, second] = fixture.send(
    makeRequest("/caf\xc3\xa9", {
      query: "a=1",
      rawUri: "/caf%C3%A9?a=1",
      ownEntries: [
        ["CONTENT_LENGTH", "3"],
        ["HTTP_X_OWN", "caf\xc3\xa9"],
      ],
    }),
    makeRequest("/two", { content: Buffer.from("a\0b") }),
  );
  assert.equal(fixture.worker.stream.writes.length, 1);
  assert.equal(fixture.flushesScheduled, 1);
  assert.equal(fixture.worker.requests.length, 2);
  assert.equal(fixture.worker.batches.length, 1);
  const request = fixture.worker.request(0);
  assert.equal(request.slot, first?.slot);
  assert.equal(request.generation, first?.generation);
  assert.equal(request.path, "/caf\xc3\xa9");
  assert.equal(request.query, "a=1");
  assert.equal(request.rawUri, "/caf%C3%A9?a=1");
  assert.equal(request.body, null);
  assert.deepEqual(
    [...(request.own ?? [])],
    [
      ["CONTENT_LENGTH", "3"],
      ["HTTP_X_OWN", "caf\xc3\xa9"],
    ],
  );
  assert.equal(fixture.worker.request(1).own, null);
  assert.equal(fixture.worker.request(1).slot, second?.slot);
  assert.equal(fixture.worker.request(1).rawUri, null);
  assert.deepEqual(fixture.worker.request(1).body, Buffer.from("a\0b"));
});

test("nothing to send is not sent", () => {
  const fixture = ChannelFixture.ready();
  fixture.channel.flush();
  assert.equal(fixture.worker.stream.writes.length, 0);
});

test("a spooled content travels as a descriptor with its length, or as a path", () => {
  const fixture = ChannelFixture.ready();
  const content = { descriptor: 9, path: null, lengthBytes: 3 * 2 ** 30 };
  fixture.sendOne(makeRequest("/", { content }));
  assert.equal(fixture.worker.request(0).body, 3 * 2 ** 30);
  fixture.filePath = "/run/\u20ac\u65e5\u65e5";
  fixture.sendOne(makeRequest("/", { content }));
  assert.equal(fixture.worker.request(1).body, "/run/\u20ac\u65e5\u65e5");
  assert.deepEqual(fixture.passedFiles, [9, 9]);
});

test("a batch that needed a large buffer does not spoil the next one", () => {
  const fixture = ChannelFixture.ready();
  const content = Buffer.alloc(3_000_000, "x");
  fixture.sendOne(makeRequest("/large", { content }));
  fixture.send("/small", "/other");
  assert.deepEqual(
    fixture.worker.requests.map(({ path }) => path),
    ["/large", "/small", "/other"],
  );
  assert.deepEqual(fixture.worker.request(0).body, content);
});

test("answers in one piece", () => {
  const fixture = ChannelFixture.ready();
  const jobs = fixture.send("/1", "/2", "/3");
  fixture.worker.stream.deliver(mixedAnswers(jobs));
  assertMixedAnswers(fixture, jobs);
});

test("answers byte by byte", () => {
  const fixture = new ChannelFixture();
  fixture.worker.stream.deliverInPieces(readyFrame(WORKER_PID), 1);
  assert.deepEqual(fixture.readyPids, [WORKER_PID]);
  const jobs = fixture.send("/1", "/2", "/3");
  fixture.worker.stream.deliverInPieces(mixedAnswers(jobs), 1);
  assertMixedAnswers(fixture, jobs);
});

test("answers in every way they can be cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 50, size: "max" }),
      (sizes) => {
        const fixture = ChannelFixture.ready();
        const jobs = fixture.send("/1", "/2", "/3");
        const bytes = mixedAnswers(jobs);
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          fixture.worker.stream.deliver(bytes.subarray(at, at + size));
          at += size;
        }
        assertMixedAnswers(fixture, jobs);
      },
    ),
  );
});

test("a streamed piece is passed on before its frame is whole", () => {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  const bytes = headFrame(sent, "0123456789");
  fixture.worker.stream.deliver(bytes.subarray(0, bytes.length - 4));
  assert.equal(sent.sink.content, "012345");
});

test("the declared length may be as large as 2^53 - 1, and no larger", () => {
  for (const contentLength of [2 ** 32, 2 ** 53 - 1]) {
    const fixture = ChannelFixture.ready();
    const sent = fixture.sendOne("/");
    fixture.worker.send(frame({ ...address(sent), kind: 2, status: 200, contentLength }));
    assert.equal(sent.sink.contentLength, contentLength);
  }
  assertBroken(
    (sent) => frame({ ...address(sent), kind: 2, status: 200, contentLength: 2 ** 53 }),
    /a length out of range/,
  );
});

test("a head of the largest size is taken", () => {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  const head = `200 OK\r\nX: ${"x".repeat(262_144 - 13)}\r\n`;
  assert.equal(head.length, 262_144);
  fixture.worker.stream.deliverInPieces(
    frame({ ...address(sent), kind: 1, status: 200, head }),
    65_536,
  );
  assert.equal(sent.sink.head, head);
});

test("an end without a head is the application's error, an abort after it cuts it short", () => {
  const fixture = ChannelFixture.ready();
  const [ended, aborted] = fixture.send("/1", "/2") as [SentJob, SentJob];
  fixture.worker.send(closingFrame(ended, "end"));
  fixture.worker.send(headFrame(aborted, "part"), closingFrame(aborted, "abort"));
  assert.equal(ended.sink.failure, "application-error");
  assert.equal(aborted.sink.failure, "application-aborted");
  assert.equal(aborted.sink.content, "part");
});

/**
 * Sends what must not be sent while one request is under way and one behind it, and expects the end
 * of the channel.
 */
function assertBroken(bytes: (first: SentJob, second: SentJob) => Buffer, reason: RegExp): void {
  for (const pieceSize of [1, 7, Infinity]) {
    const fixture = ChannelFixture.ready();
    const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
    fixture.worker.stream.deliverInPieces(bytes(first, second), pieceSize);
    assert.ok(fixture.worker.stream.closeReported, "the stream is closed");
    assert.match(fixture.closed?.error?.message ?? "", reason);
    assert.deepEqual(fixture.closed?.unanswered, [first.job, second.job]);
    assert.equal(
      first.sink.outcomes + second.sink.outcomes,
      0,
      "the owner decides what becomes of them",
    );
  }
}

function address({ slot, generation }: SentJob): { slot: number; generation: number } {
  return { slot, generation };
}

test("a frame for another slot or generation than the oldest one's ends the channel", () => {
  const stranger = /an answer to a request that it does not have/;
  assertBroken(
    ({ slot, generation }) => responseFrame({ slot: slot + 9, generation }, ""),
    stranger,
  );
  assertBroken(
    ({ slot, generation }) => responseFrame({ slot, generation: generation + 1 }, ""),
    stranger,
  );
  assertBroken((_first, second) => responseFrame(second, ""), stranger);
  assertBroken((first) => chunkFrame({ ...first, generation: first.generation - 1 }, ""), stranger);
});

test("an answer when nothing was asked ends the channel", () => {
  const fixture = ChannelFixture.ready();
  fixture.worker.send(responseFrame({ slot: 0, generation: 1 }, "late"));
  assert.match(fixture.closed?.error?.message ?? "", /a request that it does not have/);
});

test("a late answer to a request whose slot is taken again reaches nobody", () => {
  const fixture = ChannelFixture.ready();
  const old = fixture.sendOne("/old");
  fixture.worker.send(responseFrame(old, "first"));
  const now = fixture.sendOne("/new");
  assert.equal(now.slot, old.slot);
  fixture.worker.send(responseFrame(old, "late"));
  assert.equal(now.sink.status, null);
  assert.deepEqual(fixture.closed?.unanswered, [now.job]);
});

test("frames out of order end the channel", () => {
  assertBroken((first) => chunkFrame(first, "x"), /content before a head/);
  assertBroken((first) => frame({ ...address(first), kind: 14 }), /an unknown kind/);
  assertBroken((first) => frame({ ...address(first), kind: 0 }), /an unknown kind/);
  assertBroken(() => readyFrame(1), /ready for a second time/);
});

test("a second head ends the channel", () => {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  fixture.worker.send(headFrame(sent, "a"), headFrame(sent, "b"));
  assert.match(fixture.closed?.error?.message ?? "", /a second head/);
  assert.equal(sent.sink.content, "a");
});

test("a head that is too large, or a status out of range, ends the channel", () => {
  assertBroken(
    (first) => frame({ ...address(first), kind: 1, status: 200, headLength: 262_145 }),
    /a head that is too large/,
  );
  for (const status of [0, 100, 199, 600, 65_535]) {
    assertBroken((first) => frame({ ...address(first), kind: 1, status }), /a status out of range/);
  }
});

test("nothing behind the frame that broke the channel is looked at", () => {
  const fixture = ChannelFixture.ready();
  const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
  fixture.worker.send(
    frame({ ...address(first), kind: 99 }),
    responseFrame(first, ""),
    responseFrame(second, ""),
  );
  assert.equal(first.sink.outcomes + second.sink.outcomes, 0);
});

test("bytes at random never throw, and never reach a sink that was not addressed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300, size: "max" }), (bytes) => {
      const fixture = ChannelFixture.ready();
      const { sink } = fixture.sendOne("/");
      // No random frame can hold this slot's address: it is too small for that.
      bytes[0] = 0xff;
      fixture.worker.send(Buffer.from(bytes));
      assert.equal(sink.outcomes, 0);
    }),
  );
});

test("the end of the worker's stream ends the channel; what it had is given back in order", () => {
  const fixture = ChannelFixture.ready();
  const sent = fixture.send("/1", "/2", "/3");
  fixture.worker.send(responseFrame(sent[0] as SentJob, ""));
  fixture.worker.stream.deliverEnd();
  assert.deepEqual(fixture.closed?.unanswered, [sent[1]?.job, sent[2]?.job]);
  assert.equal(fixture.closed?.unsentCount, 0);
  assert.equal(fixture.closed?.error, null);
});

test("an error of the stream is passed on", () => {
  const fixture = ChannelFixture.ready();
  const error = new Error("recv: ECONNRESET");
  fixture.worker.stream.break(error);
  assert.equal(fixture.closed?.error, error);
});

test("what never left the gateway is counted apart", () => {
  const fixture = ChannelFixture.ready();
  fixture.send("/left");
  fixture.worker.stream.close();
  assert.equal(fixture.channel.takesRequests, false);
  fixture.send("/did-not", "/neither");
  fixture.worker.stream.turn();
  assert.equal(fixture.closed?.unanswered.length, 3);
  assert.equal(fixture.closed?.unsentCount, 2);
  assert.equal(fixture.worker.requests.length, 1);
});

test("a cancelled request is told to the worker, behind the batch that it is in", () => {
  const fixture = ChannelFixture.ready();
  const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
  second.job.cancel();
  assert.deepEqual(fixture.worker.cancellations, [address(second)]);
  fixture.worker.send(responseFrame(first, "one"), headFrame(second), closingFrame(second, "end"));
  assert.equal(first.sink.content, "one");
  assert.equal(second.sink.status, null, "nobody waits for it");
  assert.equal(fixture.jobs.size, 0);
  second.job.cancel();
  assert.equal(fixture.worker.cancellations.length, 1, "what is done cannot be cancelled");
});

test("cancelled in the middle of its answer: the rest is dropped, the next answer is not", () => {
  const fixture = ChannelFixture.ready();
  const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
  fixture.worker.send(headFrame(first, "part"));
  first.job.cancel();
  fixture.worker.send(chunkFrame(first, "dropped"), closingFrame(first, "end"));
  fixture.worker.send(responseFrame(second, "two"));
  assert.equal(first.sink.content, "part");
  assert.equal(first.sink.outcomes, 0);
  assert.equal(second.sink.content, "two");
});

test("only the receiver of the oldest answer can stop the worker", () => {
  const fixture = ChannelFixture.ready();
  const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
  second.job.pause();
  assert.equal(fixture.worker.stream.paused, false);
  first.job.pause();
  assert.equal(fixture.worker.stream.paused, true);
  assert.equal(fixture.channel.paused, true);
  second.job.resume();
  assert.equal(fixture.worker.stream.paused, true);
  fixture.nowMs = 500;
  first.job.resume();
  assert.equal(fixture.worker.stream.paused, false);
  assert.equal(first.job.activeAtMs, 500, "the time in which it could not send does not count");
});

test("a pause ends with the answer that asked for it", () => {
  const fixture = ChannelFixture.ready();
  const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
  fixture.worker.send(headFrame(first));
  first.sink.onEvent = () => first.job.pause();
  // The end comes in the same piece as the content that made the receiver full.
  fixture.worker.send(Buffer.concat([chunkFrame(first, "x"), closingFrame(first, "end")]));
  assert.equal(fixture.worker.stream.paused, false);
  fixture.worker.send(responseFrame(second, "two"));
  assert.equal(second.sink.content, "two");
});

test("a client that goes away while it holds the worker back lets it go on", () => {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  fixture.worker.send(headFrame(sent));
  sent.job.pause();
  sent.job.cancel();
  assert.equal(fixture.worker.stream.paused, false);
});

test("the end of service: the batch leaves, then the sending half is closed", () => {
  const fixture = ChannelFixture.ready();
  fixture.sendOne("/1");
  fixture.channel.end();
  assert.ok(fixture.worker.stream.sawEnd);
  assert.equal(fixture.worker.stream.closed, false);
});

test("a template is sent without a number first, then with one, then by number only", () => {
  const fixture = ChannelFixture.ready();
  const template = templateNamed("a");
  for (let use = 0; use < 4; use++) fixture.sendOne(makeRequest("/", { template }));
  const seen = fixture.worker.requests.map((each) => [
    each.template,
    each.fields?.get("HTTP_X_NAME"),
  ]);
  assert.deepEqual(seen, [
    [-1, "a"],
    [0, "a"],
    [0, undefined],
    [0, undefined],
  ]);
});

test("the table of templates is bounded; one that was replaced is sent anew", () => {
  const fixture = ChannelFixture.ready();
  const templates = Array.from({ length: 1025 }, (_, number) => templateNamed(String(number)));
  for (const template of templates) {
    fixture.send(makeRequest("/", { template }), makeRequest("/", { template }));
  }
  // What a worker has under each number, by its own reading of what it was sent.
  const kept = new Map<number, unknown>();
  for (const { template, fields } of fixture.worker.requests) {
    if (template >= 0 && fields !== null) kept.set(template, fields.get("HTTP_X_NAME"));
  }
  assert.equal(kept.size, 1024);
  assert.ok(Math.max(...kept.keys()) < 4096, "the protocol's own bound");
  assert.equal(kept.get(0), "1024", "the oldest one was replaced");
  const before = fixture.worker.requests.length;
  const [replaced, still] = templates;
  assert.ok(replaced !== undefined && still !== undefined);
  fixture.sendOne(makeRequest("/", { template: still }));
  fixture.sendOne(makeRequest("/", { template: replaced }));
  fixture.sendOne(makeRequest("/", { template: still }));
  const sent = fixture.worker.requests.slice(before);
  assert.deepEqual(
    sent.map(({ template }) => template),
    [1, 1, 2],
  );
  assert.deepEqual(
    sent.map(({ fields }) => fields?.get("HTTP_X_NAME")),
    [undefined, "0", "1"],
    "the one replaced takes the next number, whose template has to be sent anew in turn",
  );
});

test("each channel has its own numbers, also one that takes the index of another", () => {
  const [first, second] = [ChannelFixture.ready(), ChannelFixture.ready()];
  const template = templateNamed("a");
  for (let use = 0; use < 3; use++) first.sendOne(makeRequest("/", { template }));
  assert.equal(first.worker.request(2).fields, null);
  // Both have index 0, as a new worker's channel has the index of the one that died.
  second.sendOne(makeRequest("/", { template }));
  second.sendOne(makeRequest("/", { template }));
  assert.equal(second.worker.request(0).fields?.get("HTTP_X_NAME"), "a");
  assert.equal(second.worker.request(1).fields, null);
});
