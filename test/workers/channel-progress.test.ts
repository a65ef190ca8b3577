/** What becomes of a worker's requests where it says which of them it is at. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { DispatcherFixture, pathsFrom, type Submitted } from "./dispatcher-fixture.ts";
import { type FakeWorker, headFrame, responseFrame } from "./fake-worker.ts";
import { makePost } from "./request.ts";

const AT_NONE = 0xffff_ffff;
const TIMEOUT_MS = 1_000;

/** A worker whose progress the test writes. */
class TellingWorker {
  readonly worker: FakeWorker;
  /** As its file has it; null where it cannot be read. */
  slot: number | null = AT_NONE;
  closed = false;
  /** What it keeps, behind so many bytes that it has sent; null where that cannot be read. */
  kept: Buffer | null = Buffer.alloc(0);
  keptFrom = 0;

  constructor(fixture: DispatcherFixture) {
    const progress = {
      slotBegun: () => this.slot,
      keptBehind: (sentBytes: number) => {
        assert.ok(sentBytes >= this.keptFrom);
        return this.kept?.subarray(sentBytes - this.keptFrom) ?? null;
      },
      close: () => void (this.closed = true),
    };
    this.worker = fixture.addWorker({ openProgress: () => progress });
  }

  /** It has answered these of its requests, by their places, and not sent that. */
  keepAnswersTo(...places: number[]): void {
    const frames = places.map((place) => responseFrame(this.worker.request(400 + place), "kept"));
    this.kept = Buffer.concat(frames);
    this.keptFrom = this.worker.stream.receivedBytes;
  }

  /** It begins this request, as it was sent. */
  begin({ job }: Submitted): void {
    this.slot = job.slot;
  }
}

function statesOf(submitted: readonly Submitted[]): (string | null)[] {
  return submitted.map(({ sink }) =>
    sink.outcomes === 0 ? "waits" : (sink.failure ?? "answered"),
  );
}

/** A dispatcher with such a worker, and what was sent to it in one batch. */
function batch(
  ...requests: Parameters<DispatcherFixture["submitAll"]>
): [DispatcherFixture, TellingWorker, Submitted[]] {
  const fixture = new DispatcherFixture({ timeoutMs: TIMEOUT_MS });
  const telling = new TellingWorker(fixture);
  fixture.learnQuick(telling.worker);
  return [fixture, telling, fixture.submitAll(...requests)];
}

test("of a batch the one that the worker is at has hung, and is no other's fault", () => {
  const [fixture, telling, sent] = batch("/1", "/2", "/hung", "/4", makePost("/5"));
  telling.begin(sent[2] as Submitted);
  fixture.sweepAt(TIMEOUT_MS);
  assert.deepEqual(fixture.timedOut, ["/hung"]);
  assert.deepEqual(statesOf(sent), ["waits", "waits", "timed-out", "waits", "waits"]);
  fixture.kill(telling.worker);
  const other = fixture.addWorker();
  for (let place = 0; place < 4; place++) fixture.answer(other, place);
  assert.deepEqual(pathsFrom(other), ["/1", "/2", "/4", "/5"]);
  assert.deepEqual(statesOf(sent), ["answered", "answered", "timed-out", "answered", "answered"]);
  assert.ok(telling.closed, "its file is closed");
});

test("what it had answered and sends before its end is taken", () => {
  const [fixture, telling, sent] = batch("/1", "/hung", "/3");
  telling.begin(sent[1] as Submitted);
  fixture.sweepAt(TIMEOUT_MS);
  fixture.answer(telling.worker, 400);
  assert.deepEqual(statesOf(sent), ["answered", "timed-out", "waits"]);
  assert.equal(fixture.channelOf(telling.worker).load.busyChannels, 1, "it hangs still");
  fixture.answer(telling.worker, 401);
  assert.match(fixture.closed[0]?.error?.message ?? "", /does not have/);
});

test("a POST that was done is not run again, although its answer is lost", () => {
  const [fixture, telling, sent] = batch(makePost("/1"), "/2", "/hung", makePost("/4"));
  telling.begin(sent[2] as Submitted);
  fixture.sweepAt(TIMEOUT_MS);
  fixture.kill(telling.worker);
  assert.deepEqual(statesOf(sent), ["worker-exited", "waits", "timed-out", "waits"]);
  const other = fixture.addWorker();
  fixture.answer(other, 0);
  fixture.answer(other, 1);
  assert.deepEqual(pathsFrom(other), ["/2", "/4"]);
});

test("beside an idle worker all leave but the one that it is at", () => {
  const [fixture, telling, sent] = batch("/1", "/2", "/hung", "/4");
  telling.begin(sent[2] as Submitted);
  const other = fixture.addWorker();
  fixture.pass(100);
  for (let place = 0; place < 3; place++) fixture.answer(other, place);
  assert.deepEqual(pathsFrom(other), ["/1", "/2", "/4"]);
  assert.deepEqual(statesOf(sent), ["answered", "answered", "waits", "answered"]);
  assert.deepEqual(fixture.timedOut, []);
});

test("what has begun to be answered, or is held back by its client, does not leave", () => {
  const [fixture, telling, sent] = batch("/1", "/2");
  telling.worker.send(headFrame(telling.worker.request(400), "part"));
  sent[0]?.job.pause();
  const other = fixture.addWorker();
  fixture.pass(100);
  assert.deepEqual(pathsFrom(other), ["/2"]);
});

test("where it cannot be known, the oldest is taken to be the one", () => {
  const [fixture, telling, sent] = batch("/1", "/2");
  telling.slot = null;
  fixture.sweepAt(TIMEOUT_MS);
  assert.deepEqual(statesOf(sent), ["timed-out", "waits"]);
});

test("a worker that has begun none is ended, and its requests go to another, once", () => {
  const [fixture, telling, sent] = batch("/1", makePost("/2"));
  fixture.sweepAt(TIMEOUT_MS);
  assert.deepEqual(fixture.timedOut, ["/1"], "its worker is reported");
  assert.deepEqual(statesOf(sent), ["waits", "waits"]);
  fixture.kill(telling.worker);
  // Each alone from now on, and so to a worker of its own.
  const others = [new TellingWorker(fixture), new TellingWorker(fixture)];
  fixture.sweepAt(3 * TIMEOUT_MS);
  assert.deepEqual(statesOf(sent), ["timed-out", "timed-out"], "it has befallen them twice");
  for (const { worker } of others) fixture.kill(worker);
  assert.ok(fixture.dispatcher.idle);
});

test("what it has come to after all, before it was ended, may have been run", () => {
  const [fixture, telling, sent] = batch(makePost("/1"), makePost("/2"), makePost("/3"));
  fixture.sweepAt(TIMEOUT_MS);
  telling.begin(sent[1] as Submitted);
  fixture.kill(telling.worker);
  assert.deepEqual(statesOf(sent), ["worker-exited", "worker-exited", "waits"]);
});

test("what it had done and not sent is answered behind its end", () => {
  const [fixture, telling, sent] = batch(
    makePost("/1"),
    "/2",
    makePost("/3"),
    makePost("/4"),
    "/5",
  );
  telling.keepAnswersTo(0, 1);
  fixture.kill(telling.worker);
  assert.deepEqual(statesOf(sent), ["answered", "answered", "worker-exited", "waits", "waits"]);
  assert.equal(sent[0]?.sink.content, "kept");
  assert.deepEqual(fixture.closed, [{ lost: "/3", error: null }]);
  const other = fixture.addWorker();
  fixture.answer(other, 0);
  fixture.answer(other, 1);
  assert.deepEqual(pathsFrom(other), ["/4", "/5"]);
});

test("an answer of which a part had been sent is completed", () => {
  for (const part of [1, 20, 40]) {
    const [fixture, telling, sent] = batch(makePost("/1"), makePost("/2"), makePost("/3"));
    telling.keepAnswersTo(0, 1);
    const all = telling.kept ?? Buffer.alloc(0);
    telling.worker.send(all.subarray(0, part));
    fixture.kill(telling.worker);
    assert.deepEqual(statesOf(sent), ["answered", "answered", "worker-exited"], `${part} bytes`);
    assert.equal(sent[0]?.sink.content, "kept");
  }
});

test("nobody is given a new request while what was kept is taken", () => {
  const [fixture, telling, sent] = batch(makePost("/1"), makePost("/2"));
  const next = fixture.submitAll(...Array.from({ length: 90 }, () => "/later"));
  const channel = fixture.channelOf(telling.worker);
  const had = channel.requestsTaken;
  telling.keepAnswersTo(0);
  fixture.kill(telling.worker);
  assert.equal(channel.requestsTaken, had);
  assert.deepEqual(statesOf(sent), ["answered", "worker-exited"]);
  assert.deepEqual(new Set(statesOf(next)), new Set(["waits"]));
});

test("where it cannot be known what was done, no POST is run again", () => {
  for (const kept of [null, responseFrame({ slot: 9_999, generation: 7 }, "a stranger's")]) {
    const [fixture, telling, sent] = batch(makePost("/1"), "/2", makePost("/3"));
    telling.kept = kept;
    telling.keptFrom = telling.worker.stream.receivedBytes;
    fixture.kill(telling.worker);
    assert.deepEqual(statesOf(sent), ["worker-exited", "waits", "worker-exited"]);
  }
});

test("what it had done is answered while it goes on with something else, and only once", () => {
  const [fixture, telling, sent] = batch(makePost("/1"), makePost("/2"), makePost("/long"), "/4");
  telling.keepAnswersTo(0, 1);
  telling.worker.send((telling.kept ?? Buffer.alloc(0)).subarray(0, 10));
  fixture.sweepAt(40);
  assert.deepEqual(statesOf(sent), ["waits", "waits", "waits", "waits"]);
  fixture.sweepAt(60);
  fixture.sweepAt(200);
  assert.deepEqual(statesOf(sent), ["answered", "answered", "waits", "waits"]);
  assert.deepEqual(
    sent.slice(0, 2).map(({ sink }) => sink.content),
    ["kept", "kept"],
  );
  // In the end it sends all of it, in pieces that are the kernel's affair.
  const rest = [2, 3].map((place) => responseFrame(telling.worker.request(400 + place), "sent"));
  const stream = Buffer.concat([(telling.kept ?? Buffer.alloc(0)).subarray(10), ...rest]);
  for (const byte of stream) telling.worker.send(Buffer.from([byte]));
  fixture.endTurn();
  assert.deepEqual(statesOf(sent), ["answered", "answered", "answered", "answered"]);
  assert.deepEqual(
    sent.slice(2).map(({ sink }) => sink.content),
    ["sent", "sent"],
  );
  assert.ok(fixture.dispatcher.idle);
});

test("nothing is read ahead for a client that does not take what it has", () => {
  const [fixture, telling, sent] = batch(makePost("/1"), makePost("/2"));
  telling.worker.send(headFrame(telling.worker.request(400), "part"));
  sent[0]?.job.pause();
  telling.kept = responseFrame(telling.worker.request(401), "kept");
  telling.keptFrom = telling.worker.stream.receivedBytes;
  fixture.sweepAt(100);
  assert.deepEqual(statesOf(sent), ["waits", "waits"]);
  assert.ok(!telling.worker.stream.closed);
});
