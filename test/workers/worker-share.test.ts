/** What can be said of an answer afterwards: who gave it, and where its time went. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WORKER_PID } from "./channel-fixture.ts";
import { DispatcherFixture } from "./dispatcher-fixture.ts";
import { headFrame, readyFrame } from "./fake-worker.ts";
import { makePost } from "./request.ts";

test("one that never waits has its worker, that one's generation, and no time in the queue", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addStartingWorker({ generation: 7 });
  worker.send(readyFrame(WORKER_PID));
  const [{ job }] = fixture.submitAll("/") as [ReturnType<typeof fixture.submit>];
  const before = [job.queueUs, job.applicationUs, job.workerPid, job.workerGeneration];
  assert.deepEqual(before, [0, null, WORKER_PID, 7]);
  fixture.nowMs = 12;
  fixture.answer(worker, 0, 11_500);
  const after = [job.queueUs, job.applicationUs, job.workerPid, job.workerGeneration, job.retries];
  assert.deepEqual(after, [0, 11_500, WORKER_PID, 7, 0]);
});

test("time in the queue, with its fractions; a worker is known once there is one", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  const { job: first } = fixture.submit("/1");
  const { job } = fixture.submit("/2");
  fixture.endTurn();
  assert.deepEqual([job.queueUs, job.workerPid, job.workerGeneration], [null, null, null]);
  fixture.nowMs = 30.25;
  fixture.answer(worker, 0, 30_000);
  fixture.nowMs = 50;
  fixture.answer(worker, 1, 19_000);
  assert.deepEqual([first.queueUs, first.applicationUs], [0, 30_000]);
  assert.deepEqual([job.queueUs, job.applicationUs, job.workerPid], [30_250, 19_000, 1]);
});

test("time behind other requests of the same worker is time in the queue", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  fixture.learnQuick(worker);
  const place = worker.requests.length;
  const jobs = fixture.submitAll("/1", "/2", "/3").map(({ job }) => job);
  assert.equal(worker.requests.length, place + 3, "they are sent together");
  fixture.answer(worker, place, 400);
  assert.equal(jobs[2]?.queueUs, 400, "so far");
  fixture.answer(worker, place + 1, 250);
  fixture.answer(worker, place + 2, 100);
  assert.deepEqual(
    jobs.map(({ queueUs }) => queueUs),
    [0, 400, 650],
  );
});

test("what stands behind a long call and moves to another worker has waited for both", () => {
  const fixture = new DispatcherFixture();
  const first = fixture.addWorker();
  fixture.learnQuick(first);
  const place = first.requests.length;
  const [, behind] = fixture.submitAll("/long", "/behind");
  assert.equal(first.requests.length, place + 2);
  const second = fixture.addWorker();
  fixture.sweepAt(200);
  fixture.nowMs = 210;
  assert.equal(second.requests.length, 1);
  fixture.answer(second, 0, 9_000);
  assert.deepEqual([behind?.job.queueUs, behind?.job.retries], [200_000, 0]);
});

test("a run again is counted; one that is not run again is not", () => {
  const fixture = new DispatcherFixture();
  const [first, second] = [fixture.addWorker(), fixture.addWorker()];
  const [{ job }] = fixture.submitAll("/") as [ReturnType<typeof fixture.submit>];
  assert.equal(job.retries, 0);
  fixture.kill(first);
  assert.equal(job.retries, 1);
  fixture.kill(second);
  assert.deepEqual([job.state, job.retries], ["done", 1]);
  const third = fixture.addWorker();
  const [{ job: post }] = fixture.submitAll(makePost("/")) as [ReturnType<typeof fixture.submit>];
  fixture.kill(third);
  assert.deepEqual([post.state, post.retries, post.workerPid], ["done", 0, 1]);
});

test("a worker that does not answer in time is the one that had it", () => {
  const fixture = new DispatcherFixture({ timeoutMs: 1_000 });
  const worker = fixture.addWorker();
  const [{ job, sink }] = fixture.submitAll("/") as [ReturnType<typeof fixture.submit>];
  fixture.sweepAt(1_500);
  assert.equal(sink.failure, "timed-out");
  assert.deepEqual([job.workerPid, job.applicationUs, job.queueUs], [1, null, 0]);
  assert.equal(worker.requests.length, 1);
});

test("a client that goes away has the worker that it leaves behind", () => {
  const fixture = new DispatcherFixture();
  const worker = fixture.addWorker();
  const [{ job }] = fixture.submitAll("/") as [ReturnType<typeof fixture.submit>];
  worker.send(headFrame(worker.request(0), "200 OK\r\n"));
  job.cancel();
  assert.deepEqual([job.workerPid, job.queueUs, job.applicationUs], [1, 0, null]);
});
