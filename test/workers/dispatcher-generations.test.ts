/** Which of several workers gets a request: threads, generations, bounds of a life, and probes. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { DispatcherFixture, pathsFrom } from "./dispatcher-fixture.ts";
import { headFrame, responseFrame } from "./fake-worker.ts";
import { makePost, makeRequest } from "./request.ts";

test("of workers with threads the one that does the least gets the next request", () => {
  const fixture = new DispatcherFixture();
  const [one, other] = [fixture.addThreads(3), fixture.addThreads(3)];
  fixture.submitAll("/1", "/2", "/3", "/4", "/5", "/6");
  assert.deepEqual(one.flatMap((each) => pathsFrom(each)).toSorted(), ["/1", "/3", "/5"]);
  assert.deepEqual(other.flatMap((each) => pathsFrom(each)).toSorted(), ["/2", "/4", "/6"]);
  // Two of one worker's threads are done, and one of the other's, which gets less busy later.
  fixture.answer(one[0] as never, 0);
  fixture.answer(one[1] as never, 0);
  fixture.answer(other[0] as never, 0);
  fixture.submitAll("/7");
  assert.deepEqual(pathsFrom(one[0] as never), ["/1", "/7"]);
});

test("a thread gets one request at a time, however quick the application is", () => {
  const fixture = new DispatcherFixture();
  const teacher = fixture.addWorker();
  fixture.learnQuick(teacher);
  fixture.channelOf(teacher).retired = true;
  const [thread] = fixture.addThreads(1);
  fixture.submitAll("/1", "/2");
  assert.deepEqual(pathsFrom(thread as never), ["/1"]);
  assert.equal(fixture.dispatcher.queueLength, 1);
});

test("after a timeout in one thread the others of its worker go on", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  const [hung, other] = fixture.addThreads(2);
  assert.ok(hung !== undefined && other !== undefined);
  const [first] = fixture.submitAll("/hung");
  fixture.nowMs = 500;
  const [second] = fixture.submitAll("/slow");
  fixture.sweepAt(1_000);
  assert.equal(first?.sink.failure, "timed-out");
  // The supervisor gives neither of them anything more.
  for (const worker of [hung, other]) fixture.channelOf(worker).retired = true;
  fixture.sweepAt(1_400);
  assert.equal(second?.sink.outcomes, 0);
  fixture.answer(other, 0);
  assert.equal(second?.sink.content, "done");
});

test("what a channel that is being taken out still has is timed as well, once", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  const worker = fixture.addWorker();
  const [slow] = fixture.submitAll("/slow");
  fixture.channelOf(worker).retired = true;
  fixture.sweepAt(1_000);
  assert.equal(slow?.sink.failure, "timed-out");
  fixture.sweepAt(2_500);
  assert.deepEqual(fixture.timedOut, ["/slow"]);
});

test("a worker that not even SIGKILL ends: what stands behind its call does not wait", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000, queueTimeoutMs: 60_000 });
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  const [hung, get, post] = fixture.submitAll("/hung", "/get", makePost("/post"));
  fixture.sweepAt(1_000);
  assert.equal(hung?.sink.failure, "timed-out", "at once");
  fixture.sweepAt(5_999);
  assert.equal(worker.stream.closed, false);
  fixture.sweepAt(6_000);
  assert.equal(worker.stream.closed, true);
  worker.stream.turn();
  assert.equal(post?.sink.failure, "worker-exited", "it may run yet, so nobody else runs it");
  assert.deepEqual(fixture.closed, [{ lost: null, error: null }], "no worker died under any");
  const other = fixture.addWorker();
  assert.deepEqual(pathsFrom(other), ["/get"]);
  fixture.answer(other, 0);
  assert.equal(get?.sink.content, "done");
});

test("a generation at rest gets nothing new, and finishes what it has", () => {
  const fixture = new DispatcherFixture();
  const [old, young] = [fixture.addWorker(), fixture.addWorker({}, true)];
  const [first] = fixture.submitAll("/1", "/2");
  assert.deepEqual([pathsFrom(old), pathsFrom(young)], [["/1"], []]);
  fixture.channelOf(old).resting = true;
  fixture.channelOf(young).resting = false;
  fixture.dispatcher.takeUp();
  fixture.endTurn();
  assert.deepEqual(pathsFrom(young), ["/2"]);
  fixture.submitAll("/3");
  fixture.answer(old, 0);
  assert.equal(first?.sink.content, "done");
  fixture.answer(young, 0);
  assert.deepEqual([pathsFrom(old), pathsFrom(young)], [["/1"], ["/2", "/3"]]);
});

test("what a worker at rest had when it died goes to those with the traffic", () => {
  const fixture = new DispatcherFixture();
  const [old, young] = [fixture.addWorker(), fixture.addWorker({}, true)];
  const [unlucky] = fixture.submitAll("/unlucky");
  fixture.channelOf(old).resting = true;
  fixture.channelOf(young).resting = false;
  fixture.dispatcher.takeUp();
  const third = fixture.addWorker({}, true);
  fixture.kill(old);
  assert.deepEqual([pathsFrom(young), pathsFrom(third)], [["/unlucky"], []]);
  fixture.answer(young, 0);
  assert.equal(unlucky?.sink.content, "done");
});

test("while nobody has the traffic requests wait", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker({}, true);
  fixture.submitAll("/1", "/2");
  assert.equal(fixture.dispatcher.queueLength, 2);
  fixture.channelOf(worker).resting = false;
  fixture.dispatcher.takeUp();
  fixture.endTurn();
  assert.deepEqual(pathsFrom(worker), ["/1"]);
});

test("what code without traffic takes is not learnt from", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  const resting = fixture.addWorker({}, true);
  fixture.probe(resting, "/warm-up");
  fixture.endTurn();
  fixture.answer(resting, 0, 3_000_000);
  fixture.submitAll("/1", "/2");
  assert.equal(fixture.dispatcher.queueLength, 0, "batches are formed as before");
});

test("a worker for one request gets one, ever, and the next one takes the next", () => {
  const fixture = new DispatcherFixture();
  const settings = { depthMax: 1, requestsMax: 1, recycleAfter: 1 };
  const [first, second] = [fixture.addWorker(settings), fixture.addWorker(settings)];
  fixture.submitAll("/1", "/2", "/3");
  assert.equal(fixture.dispatcher.queueLength, 1);
  fixture.answer(first, 0);
  assert.ok(first.stream.sawEnd);
  assert.equal(fixture.dispatcher.queueLength, 1);
  fixture.kill(first);
  const third = fixture.addWorker(settings);
  fixture.answer(second, 0);
  fixture.answer(third, 0);
  for (const [worker, path] of [
    [first, "/1"],
    [second, "/2"],
    [third, "/3"],
  ] as const) {
    assert.deepEqual(pathsFrom(worker), [path]);
  }
});

test("that a worker has had its share is told when the turn ends, after the batch has left", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker({ recycleAfter: 2 });
  fixture.submitAll("/1");
  fixture.answer(worker, 0);
  assert.deepEqual(fixture.reached, []);
  fixture.onRequestsReached = (channel) => {
    fixture.reached.push(channel);
    assert.equal(worker.requests.length, 2);
    channel.retired = true;
    channel.end();
  };
  const [last] = fixture.submitAll("/2");
  assert.deepEqual(fixture.reached, [fixture.channelOf(worker)]);
  fixture.answer(worker, 1);
  assert.equal(last?.sink.content, "done");
});

test("the gateway's own questions do not use a worker's share up", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker({ recycleAfter: 1 });
  for (const place of [0, 1]) {
    fixture.probe(worker, "/ready");
    fixture.endTurn();
    fixture.answer(worker, place);
  }
  assert.deepEqual(fixture.reached, []);
  fixture.submitAll("/1");
  assert.deepEqual(fixture.reached, [fixture.channelOf(worker)]);
});

test("a probe reaches the worker that is asked, past the queue, and at rest", () => {
  const fixture = new DispatcherFixture();
  const [old, young] = [fixture.addWorker(), fixture.addWorker({}, true)];
  fixture.submitAll("/1", "/2");
  const { sink } = fixture.probe(young, "/ready");
  fixture.endTurn();
  assert.deepEqual(pathsFrom(young), ["/ready"]);
  fixture.answer(young, 0);
  assert.equal(sink.content, "done");
  assert.equal(fixture.dispatcher.queueLength, 1, "the one that waits goes on waiting");
  const { outcomes, requestsTaken } = fixture.channelOf(young);
  assert.deepEqual([outcomes, requestsTaken], [{ answered: 0, failed: 0 }, 1]);
  assert.deepEqual(pathsFrom(old), ["/1"]);
});

test("a probe of a worker that dies fails, and is run by nobody else", () => {
  for (const unread of [false, true]) {
    const fixture = new DispatcherFixture();
    const [worker, other] = [fixture.addWorker({}, true), fixture.addWorker()];
    const { sink } = fixture.probe(worker, "/ready");
    fixture.endTurn();
    worker.stream.unreadByPeer = unread;
    fixture.kill(worker);
    assert.equal(sink.failure, "worker-exited");
    assert.deepEqual(pathsFrom(other), []);
    assert.deepEqual(fixture.channelOf(worker).outcomes, { answered: 0, failed: 0 });
    assert.ok(fixture.dispatcher.idle);
  }
});

test("a probe of a worker that cannot take it fails when the turn ends", () => {
  const fixture = new DispatcherFixture();
  const [gone, starting] = [fixture.addWorker(), fixture.addStartingWorker({}, true)];
  fixture.kill(gone);
  for (const worker of [gone, starting]) {
    const { sink, job } = fixture.probe(worker, "/ready");
    assert.equal(sink.outcomes, 0, "the caller does not know its job yet");
    fixture.endTurn();
    assert.equal(sink.failure, "worker-exited");
    job.cancel();
  }
  const { sink, job } = fixture.probe(gone, "/ready");
  job.cancel();
  fixture.endTurn();
  assert.equal(sink.outcomes, 0);
  assert.ok(fixture.dispatcher.idle);
});

test("a probe that is not answered in time: its worker is reported as any that hangs", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  const worker = fixture.addWorker({}, true);
  const { sink } = fixture.probe(worker, "/ready");
  fixture.endTurn();
  fixture.sweepAt(1_000);
  assert.equal(sink.failure, "timed-out");
  assert.deepEqual(fixture.timedOut, ["/ready"]);
});

test("a report of a worker is passed on", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.dispatcher.onReport(fixture.channelOf(worker), { kind: "files", files: ["/a.py"] });
  assert.deepEqual(fixture.reports, [{ kind: "files", files: ["/a.py"] }]);
});

test("what stands behind a call that goes on for long goes to a worker that is idle", () => {
  const fixture = new DispatcherFixture();
  const busy = fixture.addWorker();
  fixture.learnQuick(busy);
  const jobs = fixture.submitAll("/long", "/2", "/3");
  const idle = fixture.addWorker();
  fixture.sweepAt(19);
  assert.deepEqual(pathsFrom(idle), []);
  fixture.sweepAt(20);
  assert.deepEqual(pathsFrom(idle), ["/2"], "one at a time: it may be what takes long");
  assert.equal(busy.cancellations.length, 2);
  fixture.answer(idle, 0);
  fixture.answer(idle, 1);
  assert.deepEqual(
    jobs.map(({ sink }) => sink.content),
    ["", "done", "done"],
  );
  // The first worker begins them all the same; nobody gets these answers.
  for (const place of [400, 401, 402]) fixture.answer(busy, place);
  assert.equal(jobs[0]?.sink.content, "done");
  const counts = [busy, idle].map((worker) => fixture.channelOf(worker).outcomes.answered);
  assert.deepEqual(counts, [401, 2], "each request once, where it was answered");
  assert.ok(fixture.dispatcher.idle);
  assert.deepEqual(fixture.closed, []);
});

test("a call goes on for long from when it was begun, not from when its batch was sent", () => {
  const fixture = new DispatcherFixture();
  const busy = fixture.addWorker();
  fixture.learnQuick(busy);
  fixture.submitAll("/1", "/2", "/3");
  const idle = fixture.addWorker();
  fixture.nowMs = 45;
  fixture.submit("/4").job.cancel();
  fixture.answer(busy, 400, 5);
  fixture.answer(idle, 0, 5);
  fixture.sweepAt(64);
  assert.deepEqual(pathsFrom(idle, 1), []);
  fixture.sweepAt(65);
  assert.deepEqual(pathsFrom(idle, 1), ["/3"]);
});

test("it does so as soon as somebody else has answered, not only when time is looked at", () => {
  const fixture = new DispatcherFixture();
  const busy = fixture.addWorker();
  fixture.learnQuick(busy);
  fixture.submitAll("/long", "/2");
  const other = fixture.addWorker();
  fixture.nowMs = 60;
  fixture.submitAll("/3");
  fixture.answer(other, 0);
  assert.deepEqual(pathsFrom(other), ["/3", "/2"]);
});

test("a worker that becomes idle takes at once what stands behind a long call", () => {
  const fixture = new DispatcherFixture();
  const [one, other] = [fixture.addWorker(), fixture.addWorker()];
  fixture.learnQuick(one);
  fixture.submitAll("/long", "/quick", "/2");
  assert.deepEqual(pathsFrom(one, 400), ["/long", "/2"]);
  fixture.nowMs = 40;
  fixture.answer(other, 0);
  assert.deepEqual(pathsFrom(other), ["/quick", "/2"], "it has become idle");
});

test("nobody has to answer, nor a sweep to come, for a request to leave a long call", () => {
  const fixture = new DispatcherFixture();
  const [one, other] = [fixture.addWorker(), fixture.addWorker()];
  fixture.learnQuick(one);
  fixture.submitAll("/long", "/quick", "/2");
  fixture.pass(5);
  fixture.answer(other, 0);
  assert.deepEqual(pathsFrom(other), ["/quick"], "the call is not long yet");
  fixture.pass(15);
  assert.deepEqual(pathsFrom(other), ["/quick", "/2"]);
});

test("where an answer is streamed piece by piece, what stands behind it is taken back too", () => {
  const fixture = new DispatcherFixture();
  const busy = fixture.addWorker();
  fixture.learnQuick(busy);
  fixture.submitAll("/events", "/2");
  const idle = fixture.addWorker();
  fixture.nowMs = 40;
  fixture.submit("/3").job.cancel();
  busy.send(headFrame(busy.request(400), "one event"));
  fixture.answer(idle, 0);
  fixture.sweepAt(60);
  assert.deepEqual(pathsFrom(idle, 1), ["/2"]);
});

test("nothing is taken back that is not safe, has content, or has nowhere else to go", () => {
  const fixture = new DispatcherFixture();
  const busy = fixture.addWorker();
  fixture.learnQuick(busy);
  const put = makeRequest("/put", { safe: false });
  const content = makeRequest("/content", { content: Buffer.from("x") });
  fixture.submitAll("/long", makePost("/post"), put, content, "/get");
  fixture.sweepAt(100);
  assert.equal(busy.cancellations.length, 0, "there is nobody else");
  const idle = fixture.addWorker();
  fixture.sweepAt(200);
  assert.deepEqual(pathsFrom(idle), ["/get"]);
});

test("what is not safe is put behind nothing where there is another worker to wait for", () => {
  const fixture = new DispatcherFixture();
  const [one, other] = [fixture.addWorker(), fixture.addWorker()];
  fixture.learnQuick(one);
  fixture.submitAll("/1", "/2", makePost("/post"), "/3");
  assert.equal(fixture.dispatcher.queueLength, 2, "nor does anything overtake it");
  fixture.answer(other, 0);
  assert.deepEqual(pathsFrom(other), ["/2", "/post"]);
  assert.deepEqual(pathsFrom(one, 400), ["/1", "/3"]);
});

test("a worker at rest that takes long gives what it has to those with the traffic", () => {
  const fixture = new DispatcherFixture();
  const old = fixture.addWorker();
  fixture.learnQuick(old);
  const young = fixture.addWorker({}, true);
  const [, second] = fixture.submitAll("/long", "/2");
  fixture.channelOf(old).resting = true;
  fixture.channelOf(young).resting = false;
  fixture.sweepAt(100);
  young.send(responseFrame(young.request(0), "young"));
  assert.equal(second?.sink.content, "young");
});
