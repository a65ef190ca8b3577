/** What a channel counts, its bounds, and what it says to a worker and hears beside requests. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ChannelFixture, type SentJob } from "./channel-fixture.ts";
import { DispatcherFixture } from "./dispatcher-fixture.ts";
import { chunkFrame, closingFrame, frame, headFrame, responseFrame } from "./fake-worker.ts";
import { makePost } from "./request.ts";

const FILES_REPORT = '{"files":["/app/views.py"]}';

function address({ slot, generation }: SentJob): { slot: number; generation: number } {
  return { slot, generation };
}

function reportFrame(head: string): Buffer {
  return frame({ kind: 9, head });
}

test("each answer is counted, and apart those by which the application failed", () => {
  const fixture = ChannelFixture.ready();
  const paths = ["/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8"];
  const [fine, missing, broken, streamed, error, abort, noHead, fineToo] = fixture.send(
    ...paths,
  ) as [SentJob, SentJob, SentJob, SentJob, SentJob, SentJob, SentJob, SentJob];
  const { outcomes } = fixture.channel;
  const expectations: [Buffer[], number, number][] = [
    [[responseFrame(fine, "")], 1, 0],
    [[frame({ ...address(missing), kind: 1, status: 499 })], 2, 0],
    [[frame({ ...address(broken), kind: 1, status: 500 })], 3, 1],
    [
      [
        frame({ ...address(streamed), kind: 2, status: 503 }),
        chunkFrame(streamed, "x"),
        closingFrame(streamed, "end"),
      ],
      4,
      2,
    ],
    [[closingFrame(error, "error")], 5, 3],
    [[headFrame(abort), closingFrame(abort, "abort")], 6, 4],
    [[closingFrame(noHead, "end")], 7, 5],
    [[headFrame(fineToo), closingFrame(fineToo, "end")], 8, 5],
  ];
  for (const [frames, answered, failed] of expectations) {
    fixture.worker.send(...frames);
    assert.deepEqual(outcomes, { answered, failed });
  }
  assert.equal(fixture.channel.requestsTaken, 8);
});

test("what was cancelled before it began has not failed", () => {
  const fixture = ChannelFixture.ready();
  const sent = fixture.sendOne("/");
  sent.job.cancel();
  fixture.worker.send(closingFrame(sent, "end"));
  assert.deepEqual(fixture.channel.outcomes, { answered: 1, failed: 0 });
});

test("of those under way when the worker dies, what is not run again has failed", () => {
  const fixture = new DispatcherFixture();
  const [first, second] = [fixture.addWorker(), fixture.addWorker()];
  fixture.submitAll(makePost("/order"), "/safe");
  fixture.kill(first);
  fixture.kill(second);
  assert.deepEqual(fixture.channelOf(first).outcomes, { answered: 1, failed: 1 });
  assert.deepEqual(fixture.channelOf(second).outcomes, { answered: 0, failed: 0 });
  const [third, fourth] = [fixture.addWorker(), fixture.addWorker()];
  fixture.kill(third);
  fixture.kill(fourth);
  assert.deepEqual(fixture.channelOf(third).outcomes, { answered: 1, failed: 1 });
  assert.deepEqual(fixture.requestsFailed, ["/order", "/safe"]);
});

test("what the worker never read has not failed", () => {
  const fixture = ChannelFixture.ready();
  fixture.worker.stream.close();
  fixture.send("/1");
  fixture.worker.stream.turn();
  assert.deepEqual(fixture.channel.outcomes, { answered: 0, failed: 0 });
});

test("what was taken away from it has failed, once", () => {
  const fixture = ChannelFixture.ready();
  fixture.send("/1", "/2");
  assert.equal(fixture.channel.forsaken, false);
  fixture.nowMs = 700;
  fixture.channel.forsake();
  assert.equal(fixture.channel.forsaken, true);
  assert.equal(fixture.channel.forsakenAtMs, 700);
  fixture.worker.stream.deliverEnd();
  assert.deepEqual(fixture.channel.outcomes, { answered: 1, failed: 1 });
});

test("a channel counts itself into its worker's load while it has something to do", () => {
  const load = { busyChannels: 0 };
  const [one, other] = [ChannelFixture.ready({ load }), ChannelFixture.ready({ load })];
  const [first, second] = one.send("/1", "/2") as [SentJob, SentJob];
  assert.equal(load.busyChannels, 1);
  const third = other.sendOne("/3");
  assert.equal(load.busyChannels, 2);
  one.worker.send(responseFrame(first, ""));
  assert.equal(load.busyChannels, 2);
  one.worker.send(responseFrame(second, ""));
  assert.equal(load.busyChannels, 1);
  other.worker.send(headFrame(third));
  other.worker.stream.deliverEnd();
  assert.equal(load.busyChannels, 0);
});

test("one that hangs is busy until its channel closes", () => {
  const fixture = ChannelFixture.ready();
  fixture.sendOne("/");
  fixture.channel.forsake();
  assert.equal(fixture.settings.load.busyChannels, 1);
  fixture.channel.close();
  fixture.worker.stream.turn();
  assert.equal(fixture.settings.load.busyChannels, 0);
});

test("a channel never takes more than it may in its life, and ends behind the last answer", () => {
  const fixture = ChannelFixture.ready({ requestsMax: 2, depthMax: 1 });
  assert.equal(fixture.channel.takesRequests, true);
  const first = fixture.sendOne("/1");
  assert.equal(fixture.channel.takesRequests, true);
  fixture.worker.send(responseFrame(first, ""));
  assert.equal(fixture.worker.stream.sawEnd, false);
  const second = fixture.sendOne("/2");
  assert.equal(fixture.channel.takesRequests, false);
  assert.equal(fixture.worker.stream.sawEnd, false, "a cancellation can still reach it");
  fixture.worker.send(responseFrame(second, ""));
  assert.equal(fixture.worker.stream.sawEnd, true);
  assert.equal(fixture.channel.takesRequests, false);
});

test("it is told once that enough requests have been sent", () => {
  const fixture = ChannelFixture.ready({ recycleAfter: 2 });
  const jobs = fixture.send("/1", "/2", "/3");
  assert.deepEqual(fixture.reachedAt, [2]);
  for (const sent of jobs) fixture.worker.send(responseFrame(sent, ""));
  fixture.send("/4");
  assert.deepEqual(fixture.reachedAt, [2]);
  assert.equal(fixture.channel.takesRequests, true, "it is for the owner to replace it");
});

test("at rest it takes probes, and no requests", () => {
  const { channel } = ChannelFixture.ready();
  channel.resting = true;
  assert.deepEqual([channel.takesRequests, channel.takesProbes], [false, true]);
  channel.resting = false;
  assert.deepEqual([channel.takesRequests, channel.takesProbes], [true, true]);
  channel.retired = true;
  assert.deepEqual([channel.takesRequests, channel.takesProbes], [false, false]);
});

test("it serves the queue while it has something to do, although it takes nothing new", () => {
  const fixture = ChannelFixture.ready();
  const { channel } = fixture;
  assert.equal(channel.isServing, true);
  fixture.sendOne("/");
  channel.retired = true;
  assert.equal(channel.isServing, true);
  channel.resting = true;
  assert.equal(channel.isServing, false);
  channel.resting = false;
  channel.forsake();
  assert.equal(channel.isServing, false);
});

test("a log is opened again behind the batch of this turn", () => {
  const fixture = ChannelFixture.ready();
  fixture.sendOne("/1");
  fixture.channel.reopenLog();
  fixture.channel.reopenLog();
  fixture.sendOne("/2");
  assert.equal(fixture.worker.reopenings, 2);
  assert.deepEqual(
    fixture.worker.requests.map(({ path }) => path),
    ["/1", "/2"],
  );
});

test("a report reaches the owner, between answers and before one has begun", () => {
  const fixture = ChannelFixture.ready();
  fixture.worker.send(reportFrame(FILES_REPORT));
  const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
  const answers = Buffer.concat([
    reportFrame('{"rssBytes":5,"routes":[]}'),
    headFrame(first, "a"),
    closingFrame(first, "end"),
    reportFrame(FILES_REPORT),
    responseFrame(second, "b"),
  ]);
  fixture.worker.stream.deliverInPieces(answers, 3);
  assert.deepEqual(
    fixture.reports.map(({ kind }) => kind),
    ["files", "memory", "files"],
  );
  assert.deepEqual([first.sink.content, second.sink.content], ["a", "b"]);
  assert.equal(fixture.closed, null);
});

test("a report that cannot be right ends the channel", () => {
  const wrong: [Buffer, RegExp][] = [
    [reportFrame(""), /cannot be read/],
    [reportFrame('{"files":'), /cannot be read/],
    [reportFrame(`{"files":["${"x".repeat(16_384)}"]}`), /cannot be read/],
    [frame({ kind: 9, head: FILES_REPORT, slot: 1 }), /something else in it/],
    [frame({ kind: 9, head: FILES_REPORT, generation: 1 }), /something else in it/],
    [frame({ kind: 9, head: FILES_REPORT, status: 200 }), /something else in it/],
    [frame({ kind: 9, head: FILES_REPORT, body: "x" }), /something else in it/],
  ];
  for (const [bytes, message] of wrong) {
    const fixture = ChannelFixture.ready();
    fixture.worker.send(bytes);
    assert.match(fixture.closed?.error?.message ?? "", message);
    assert.deepEqual(fixture.reports, []);
  }
});

test("a report before the worker is ready, or within an answer, ends the channel", () => {
  const early = new ChannelFixture();
  early.worker.send(reportFrame(FILES_REPORT));
  assert.match(early.closed?.error?.message ?? "", /before it was ready/);
  const within = ChannelFixture.ready();
  const sent = within.sendOne("/");
  within.worker.send(headFrame(sent, "a"), reportFrame(FILES_REPORT));
  assert.match(within.closed?.error?.message ?? "", /within an answer/);
});

test("what is taken back gets a new address, and a stand-in keeps the old one", () => {
  const fixture = ChannelFixture.ready();
  const [first, second] = fixture.send("/1", "/2") as [SentJob, SentJob];
  assert.deepEqual(fixture.channel.takeBack(), [second.job]);
  assert.notDeepEqual(address(second), {
    slot: second.job.slot,
    generation: second.job.generation,
  });
  assert.deepEqual(fixture.worker.cancellations, [address(second)]);
  assert.deepEqual(fixture.channel.takeBack(), [], "once is enough");
  // The worker may have been about to begin it.
  fixture.worker.send(responseFrame(first, "one"), responseFrame(second, "late"));
  assert.equal(first.sink.content, "one");
  assert.equal(second.sink.status, null, "it waits for another worker's answer");
  assert.equal(fixture.closed, null);
  assert.equal(fixture.jobs.size, 1, "the job itself is left");
});
