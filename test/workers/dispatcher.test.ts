import assert from "node:assert/strict";
import { test } from "node:test";

import { DispatcherFixture, pathsFrom } from "./dispatcher-fixture.ts";
import { closingFrame, frame, headFrame, readyFrame, responseFrame } from "./fake-worker.ts";
import { RecordingSink } from "./recording-sink.ts";
import { makePost, makeRequest } from "./request.ts";

test("a request waits until a worker says that it is ready", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addStartingWorker();
  fixture.submitAll("/");
  assert.equal(fixture.dispatcher.queueLength, 1);
  assert.deepEqual(worker.requests, []);
  worker.send(readyFrame(1));
  fixture.endTurn();
  assert.deepEqual(pathsFrom(worker), ["/"]);
  assert.equal(fixture.dispatcher.queueLength, 0);
});

test("requests leave at the end of the turn, not before", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.submit("/");
  assert.equal(worker.requests.length, 0);
  fixture.endTurn();
  assert.equal(worker.requests.length, 1);
});

test("each worker gets one request before any gets two, and none while times are unknown", () => {
  const fixture = new DispatcherFixture();
  const workers = [fixture.addWorker(), fixture.addWorker(), fixture.addWorker()];
  fixture.submitAll("/1", "/2", "/3", "/4");
  assert.deepEqual(
    workers.map((worker) => worker.requests.length),
    [1, 1, 1],
  );
  assert.equal(fixture.dispatcher.queueLength, 1);
});

test("the queue is first in, first out, and goes to whoever is free first", () => {
  const fixture = new DispatcherFixture();
  const [first, second] = [fixture.addWorker(), fixture.addWorker()];
  fixture.submitAll("/1", "/2", "/3", "/4", "/5");
  fixture.answer(second, 0);
  fixture.answer(second, 1);
  fixture.answer(first, 0);
  assert.deepEqual(pathsFrom(second), ["/2", "/3", "/4"]);
  assert.deepEqual(pathsFrom(first), ["/1", "/5"]);
});

test("a full queue refuses, and the one refused leaves no trace", () => {
  const fixture = new DispatcherFixture({ queueLengthMax: 2 });
  const worker = fixture.addWorker();
  fixture.submitAll("/1", "/2", "/3");
  const sink = new RecordingSink();
  assert.equal(fixture.dispatcher.submit(makeRequest("/4"), sink), null);
  for (let place = 0; place < 3; place++) fixture.answer(worker, place);
  assert.deepEqual(pathsFrom(worker), ["/1", "/2", "/3"]);
  assert.equal(sink.outcomes, 0);
  assert.ok(fixture.dispatcher.idle);
});

test("with a queue of no length a request is refused unless a worker is free", () => {
  const fixture = new DispatcherFixture({ queueLengthMax: 0 });
  fixture.addWorker();
  fixture.submitAll("/1");
  assert.equal(fixture.dispatcher.submit(makeRequest("/2"), new RecordingSink()), null);
});

test("one that waits for too long gets 503, those behind it stay", () => {
  const fixture = new DispatcherFixture({ queueTimeoutMs: 1_000 });
  const worker = fixture.addWorker();
  const [, early] = fixture.submitAll("/1", "/early");
  fixture.nowMs = 500;
  const [late] = fixture.submitAll("/late");
  fixture.sweepAt(999);
  assert.equal(early?.sink.outcomes, 0);
  fixture.sweepAt(1_000);
  assert.equal(early?.sink.failure, "queue-timed-out");
  assert.equal(late?.sink.outcomes, 0);
  fixture.answer(worker, 0);
  assert.deepEqual(pathsFrom(worker), ["/1", "/late"]);
});

test("an application that is quick gets batches, one that is not gets single requests", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  fixture.submitAll("/1", "/2", "/3");
  assert.deepEqual(worker.batches.at(-1)?.length, 3);
  for (let place = 400; place < 402; place++) fixture.answer(worker, place, 5);
  fixture.answer(worker, 402, 50_000);
  fixture.submitAll("/4", "/5");
  assert.equal(fixture.dispatcher.queueLength, 1);
});

test("nothing is put behind a request that has been running for a while", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  fixture.submitAll("/running");
  fixture.nowMs += 2;
  fixture.submitAll("/soon");
  assert.equal(fixture.dispatcher.queueLength, 0);
  // The clock is read at this very request, not at the last batch.
  fixture.nowMs += 100;
  fixture.submitAll("/later");
  assert.equal(fixture.dispatcher.queueLength, 1);
});

test("nothing is put behind an answer that is being streamed, or held back by its client", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  fixture.submitAll("/streams");
  worker.send(headFrame(worker.request(400)));
  fixture.submitAll("/waits");
  assert.equal(fixture.dispatcher.queueLength, 1);
});

test("an idle worker is preferred to any queueing behind another", () => {
  const fixture = new DispatcherFixture();
  const first = fixture.addWorker();
  fixture.learnQuick(first);
  const second = fixture.addWorker();
  fixture.submitAll("/1", "/2", "/3", "/4");
  assert.deepEqual(pathsFrom(first, 400), ["/1", "/3"]);
  assert.deepEqual(pathsFrom(second), ["/2", "/4"]);
});

test("an answer that does not begin in time: 504, and the worker gets nothing more", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  const worker = fixture.addWorker();
  const [hung] = fixture.submitAll("/hung");
  fixture.sweepAt(999);
  assert.equal(hung?.sink.outcomes, 0);
  fixture.sweepAt(1_000);
  assert.equal(hung?.sink.failure, "timed-out");
  assert.deepEqual(fixture.timedOut, ["/hung"]);
  fixture.submitAll("/next");
  assert.equal(fixture.dispatcher.queueLength, 1);
  fixture.sweepAt(5_000);
  assert.deepEqual(fixture.timedOut, ["/hung"], "it is reported once");
  assert.deepEqual(pathsFrom(worker), ["/hung"]);
});

test("the time begins anew with each piece of an answer", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  const worker = fixture.addWorker();
  const [slow] = fixture.submitAll("/slow");
  fixture.sweepAt(900);
  worker.send(headFrame(worker.request(0), "part"));
  fixture.sweepAt(1_800);
  assert.equal(slow?.sink.outcomes, 0);
  fixture.sweepAt(1_900);
  assert.equal(slow?.sink.failure, "timed-out");
});

test("one behind another in a batch has its own time, from when its turn comes", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  const [, second] = fixture.submitAll("/1", "/2");
  fixture.sweepAt(900);
  fixture.answer(worker, 400);
  fixture.sweepAt(1_800);
  assert.equal(second?.sink.outcomes, 0);
  fixture.sweepAt(1_900);
  assert.equal(second?.sink.failure, "timed-out");
});

test("while its client holds the answer back, no time passes", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  const worker = fixture.addWorker();
  const [slow] = fixture.submitAll("/slow");
  worker.send(headFrame(worker.request(0)));
  slow?.job.pause();
  fixture.sweepAt(60_000);
  assert.equal(slow?.sink.outcomes, 0);
  slow?.job.resume();
  fixture.sweepAt(60_999);
  assert.equal(slow?.sink.outcomes, 0);
  fixture.sweepAt(61_000);
  assert.equal(slow?.sink.failure, "timed-out");
});

test("a call that nobody waits for any more is ended in time as well", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  fixture.addWorker();
  const [gone] = fixture.submitAll("/gone");
  gone?.job.cancel();
  fixture.sweepAt(1_000);
  assert.deepEqual(fixture.timedOut, ["/gone"]);
  assert.equal(gone?.sink.outcomes, 0);
  assert.ok(fixture.dispatcher.idle);
});

test("without a limit an answer may take for ever", () => {
  const fixture = new DispatcherFixture({ timeoutMs: null });
  fixture.addWorker();
  const [slow] = fixture.submitAll("/slow");
  fixture.sweepAt(10 ** 9);
  assert.equal(slow?.sink.outcomes, 0);
});

test("an answer that comes after its time ends the worker's channel and reaches nobody", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  const worker = fixture.addWorker();
  const [hung] = fixture.submitAll("/hung");
  fixture.sweepAt(1_000);
  const other = fixture.addWorker();
  const [next] = fixture.submitAll("/next");
  assert.equal(next?.job.slot, worker.request(0).slot, "its slot is taken again");
  fixture.answer(worker, 0);
  assert.equal(next?.sink.outcomes, 0);
  assert.match(fixture.closed[0]?.error?.message ?? "", /does not have/);
  fixture.answer(other, 0);
  assert.equal(next?.sink.content, "done");
  assert.equal(hung?.sink.outcomes, 1);
});

test("those behind a call that hangs go to another worker when theirs is ended", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  const [, second, third] = fixture.submitAll("/hung", makePost("/2"), "/3");
  fixture.sweepAt(1_000);
  fixture.kill(worker);
  const other = fixture.addWorker();
  fixture.answer(other, 0);
  fixture.answer(other, 1);
  assert.deepEqual(pathsFrom(other), ["/2", "/3"]);
  assert.deepEqual([second?.sink.content, third?.sink.content], ["done", "done"]);
});

test("a worker dies under a request that may not be run twice: 502", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  const [post] = fixture.submitAll(makePost("/post"));
  fixture.kill(worker);
  assert.equal(post?.sink.failure, "worker-exited");
  assert.deepEqual(fixture.closed, [{ lost: "/post", error: null }]);
  const other = fixture.addWorker();
  assert.deepEqual(pathsFrom(other), []);
});

test("a worker dies under a GET: it is run again, alone, and given up at a second death", () => {
  const fixture = new DispatcherFixture();
  const [first, second] = [fixture.addWorker(), fixture.addStartingWorker()];
  fixture.learnQuick(first);
  const [fatal] = fixture.submitAll("/fatal");
  fixture.kill(first);
  assert.equal(fatal?.sink.outcomes, 0);
  const [neighbour] = fixture.submitAll("/neighbour");
  second.send(readyFrame(2));
  fixture.endTurn();
  assert.deepEqual(pathsFrom(second), ["/fatal"], "alone, although answers were quick");
  fixture.kill(second);
  assert.equal(fatal?.sink.failure, "worker-exited");
  const third = fixture.addWorker();
  assert.deepEqual(pathsFrom(third), ["/neighbour"], "its neighbour was never in danger");
  fixture.answer(third, 0);
  assert.equal(neighbour?.sink.content, "done");
});

test("one that is run again is not put behind another request, even where that is quick", () => {
  const fixture = new DispatcherFixture();
  const [first, second] = [fixture.addWorker(), fixture.addWorker()];
  fixture.learnQuick(first);
  fixture.submitAll("/unlucky", "/running");
  assert.deepEqual(pathsFrom(second), ["/running"]);
  fixture.kill(first);
  assert.deepEqual(pathsFrom(second), ["/running"]);
  fixture.answer(second, 0);
  assert.deepEqual(pathsFrom(second), ["/running", "/unlucky"]);
});

test("a GET that survives its second run is answered as if nothing had been", () => {
  const fixture = new DispatcherFixture();
  const [first, second] = [fixture.addWorker(), fixture.addWorker()];
  const [unlucky] = fixture.submitAll("/unlucky");
  fixture.kill(first);
  fixture.answer(second, 0);
  assert.equal(unlucky?.sink.content, "done");
});

test("those behind the one under which a worker died come again, in order, before others", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  const [first, second, third, fourth] = fixture.submitAll(
    makePost("/1"),
    "/2",
    makePost("/3"),
    "/4",
  );
  fixture.nowMs += 100;
  fixture.submitAll("/5");
  fixture.kill(worker);
  assert.equal(first?.sink.failure, "worker-exited");
  const other = fixture.addWorker();
  for (let place = 0; place < 4; place++) fixture.answer(other, place);
  assert.deepEqual(pathsFrom(other), ["/2", "/3", "/4", "/5"]);
  for (const each of [second, third, fourth]) assert.equal(each?.sink.content, "done");
});

test("a POST behind an unanswered GET has not begun: both are run again", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  const [get, post] = fixture.submitAll("/get", makePost("/post"));
  fixture.kill(worker);
  assert.equal(get?.sink.outcomes, 0);
  assert.equal(post?.sink.outcomes, 0);
  const other = fixture.addWorker();
  fixture.answer(other, 0);
  fixture.answer(other, 1);
  assert.deepEqual(pathsFrom(other), ["/get", "/post"]);
  assert.equal(post?.sink.content, "done");
});

test("a batch that the worker never read has not begun: its POST is run", () => {
  const fixture = new DispatcherFixture();
  const first = fixture.addWorker();
  const [post] = fixture.submitAll(makePost("/post"));
  first.stream.unreadByPeer = true;
  fixture.kill(first);
  const second = fixture.addWorker();
  assert.deepEqual(pathsFrom(second), ["/post"]);
  assert.equal(post?.job.deaths, 0);
  fixture.answer(second, 0);
  assert.equal(post?.sink.content, "done");
});

test("a cancellation behind a batch hides whether that was read: 502", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  const [post, cancelled] = fixture.submitAll(makePost("/post"), "/cancelled");
  cancelled?.job.cancel();
  worker.stream.unreadByPeer = true;
  fixture.kill(worker);
  assert.equal(post?.sink.failure, "worker-exited");
});

test("where answers may be lost with the worker, a POST behind a GET may have begun: 502", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  const [get, post, behind] = fixture.submitAll("/get", makePost("/post"), "/behind");
  fixture.lose(worker);
  assert.equal(post?.sink.failure, "worker-exited");
  const other = fixture.addWorker();
  fixture.answer(other, 0);
  fixture.answer(other, 1);
  assert.deepEqual(pathsFrom(other), ["/get", "/behind"]);
  assert.deepEqual([get?.sink.content, behind?.sink.content], ["done", "done"]);
});

test("what was answered before the death stays answered, what had begun is cut short", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  const [done, begun, behind] = fixture.submitAll("/done", "/begun", "/behind");
  fixture.answer(worker, 400);
  worker.send(headFrame(worker.request(401), "part"));
  fixture.kill(worker);
  assert.equal(done?.sink.content, "done");
  assert.equal(done?.sink.failure, null);
  assert.equal(begun?.sink.content, "part");
  assert.equal(begun?.sink.failure, "worker-exited");
  assert.equal(behind?.sink.outcomes, 0);
  assert.deepEqual(pathsFrom(fixture.addWorker()), ["/behind"]);
});

test("what was cancelled is dropped when its worker dies, and when its turn comes", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  const [sent, queued, kept] = fixture.submitAll("/sent", "/queued", "/kept");
  sent?.job.cancel();
  queued?.job.cancel();
  fixture.kill(worker);
  assert.deepEqual(pathsFrom(fixture.addWorker()), ["/kept"]);
  assert.equal(sent?.sink.outcomes, 0);
  assert.equal(queued?.sink.outcomes, 0);
  kept?.job.cancel();
});

test("what had not left the gateway when its worker died is not lost, whatever its method", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  const post = fixture.submit(makePost("/post"));
  worker.stream.break();
  fixture.endTurn();
  assert.equal(post.sink.outcomes, 0);
  assert.deepEqual(fixture.closed, [{ lost: null, error: null }]);
  const other = fixture.addWorker();
  assert.deepEqual(pathsFrom(other), ["/post"]);
  fixture.answer(other, 0);
  assert.equal(post.sink.content, "done");
});

test("a worker that breaks the protocol is not given another request", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  worker.stream.handler.onBytes(frame({ kind: 99 }), 32);
  // Its stream is closed, but that is reported only in the next turn.
  fixture.submitAll("/next");
  assert.equal(fixture.dispatcher.queueLength, 1);
  worker.stream.turn();
  assert.match(fixture.closed[0]?.error?.message ?? "", /does not have/);
  assert.deepEqual(pathsFrom(fixture.addWorker()), ["/next"]);
});

test("what a sink starts when its answer is complete finds the worker free", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  const [first] = fixture.submitAll("/1");
  assert.ok(first !== undefined);
  first.sink.onEvent = () => fixture.submit("/2");
  fixture.answer(worker, 0);
  assert.deepEqual(pathsFrom(worker), ["/1", "/2"]);
});

test("requests that nobody waits for any more give their places in a full queue up", () => {
  const fixture = new DispatcherFixture({ queueLengthMax: 2 });
  const submitted = fixture.submitAll("/1", "/2");
  assert.equal(fixture.dispatcher.submit(makeRequest("/3"), new RecordingSink()), null);
  submitted[0]?.job.cancel();
  const late = fixture.submitAll("/4");
  assert.equal(fixture.dispatcher.queueLength, 2);
  const worker = fixture.addWorker();
  fixture.answer(worker, 0);
  assert.equal(submitted[1]?.sink.outcomes, 1);
  assert.equal(late.length, 1);
});

test("a channel that comes for one that is gone does not take its templates over", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  const { template } = makeRequest("/");
  for (let place = 0; place < 3; place++) {
    fixture.submitAll(makeRequest("/", { template }));
    fixture.answer(worker, place);
  }
  assert.equal(worker.request(2).fields, null);
  fixture.kill(worker);
  const other = fixture.addWorker();
  fixture.submitAll(makeRequest("/", { template }));
  assert.notEqual(other.request(0).fields, null);
});

test("an error of the application is its own answer: the worker goes on", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  const [failed, next] = fixture.submitAll("/failed", "/next");
  worker.send(closingFrame(worker.request(0), "error"));
  fixture.endTurn();
  worker.send(responseFrame(worker.request(1), "fine"));
  assert.equal(failed?.sink.failure, "application-error");
  assert.equal(next?.sink.content, "fine");
});
