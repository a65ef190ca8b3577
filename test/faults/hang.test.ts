/**
 * Views that hang, in Python, in C and in the kernel: 504 in time, the stacks in the log, that
 * worker alone replaced, and everybody else served throughout. And views that only look as if they
 * hung: nobody who may take his time is killed.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { get, post } from "../end-to-end/exercise.ts";
import { statusOf } from "../end-to-end/process-tree.ts";
import { RawClient, rawRequest } from "../end-to-end/raw-client.ts";
import { FaultSite } from "./fault-site.ts";
import {
  assertExactlyOnce,
  assertServed,
  KINDS_DEFAULT,
  post as quickPost,
  streamedGet,
} from "./load-client.ts";

const CONCURRENCY = 4;
/** So long that other requests do not reach it where the machine is held up for a second. */
const TIMEOUT_MS = 2_000;
const TIMEOUT = `${TIMEOUT_MS}ms`;
/** How much later than `--timeout` the answer may come: a sweep, and a busy machine. */
const SLACK_MS = 1_500;
/** SIGABRT, a second later SIGKILL, and a fork. */
const REPLACED_MS = 8_000;

interface Hang {
  readonly way: string;
  /** Function of the application that must be named in the log; null where nothing can name it. */
  readonly frame: string | null;
}

const HANGS: readonly Hang[] = [
  { way: "sleep", frame: "sleep_in_python" },
  { way: "deadlock", frame: "deadlock" },
  { way: "loop", frame: "loop" },
  { way: "sleep-in-c", frame: "sleep_in_c" },
  { way: "regex", frame: "backtrack" },
  { way: "other-thread", frame: "a_thread_of_the_application" },
  { way: "swallows", frame: "swallow_exceptions" },
  // A process that is stopped, or waits where no signal reaches it, cannot write its stacks.
  { way: "stopped", frame: null },
  { way: "uninterruptible", frame: null },
  // Whoever blocks or ignores every signal has also blocked the one that asks for the stacks.
  { way: "signals-blocked", frame: null },
  { way: "signals-ignored", frame: null },
];

describe("views that hang, and views that take their time", { concurrency: CONCURRENCY }, () => {
  for (const { way, frame } of HANGS) {
    test(`a view hangs, ${way}: 504 in time, stacks, only that worker replaced`, async () => {
      await using site = await FaultSite.start({ args: ["--workers", "3", "--timeout", TIMEOUT] });
      const before = site.workers();
      const load = site.load({ kinds: [...KINDS_DEFAULT, streamedGet] });
      await load.more(20);
      using client = await RawClient.connect(site.port);
      const beganAtMs = performance.now();
      const response = await client.exchange(get(`/hang/${way}/${way}?x=1`));
      const tookMs = performance.now() - beganAtMs;
      assert.equal(response.status, 504, site.log);
      assert.ok(response.content.length > 0, "a body");
      assert.ok(tookMs >= TIMEOUT_MS - 50, `${tookMs} ms`);
      assert.equal((await client.exchange(get("/get/same"))).text, "same\n", "the same connection");
      await site.server.until(
        "another worker in its place",
        () => {
          const now = site.workers();
          return now.length === 3 && now.filter((pid) => before.includes(pid)).length === 2;
        },
        REPLACED_MS,
      );
      await load.round();
      const report = await load.stop();
      const latestMs = TIMEOUT_MS + SLACK_MS + report.ownDelayMs;
      assert.ok(tookMs < latestMs, `${tookMs} ms, where ${latestMs} are in time`);
      assertServed(report, { slowestMs: TIMEOUT_MS + SLACK_MS, output: site.log });
      assertExactlyOnce(report, site.notes());
      assert.equal(site.logged(/\/hang\/\S*\?x=1/).length > 0, true, "the request line");
      if (frame !== null) {
        // One record with its lines behind it, which nobody else's lines have come between.
        const inside = String.raw`\n(?:    .*\n)*?    .*`;
        const record = new RegExp(
          String.raw`error this is where the worker is .*\?x=1.*${inside}most recent call first.*` +
            String.raw`${inside}victim\.py.* in ${frame}\n`,
        );
        await site.server.until("the stack", () => record.test(site.log));
      }
    });
  }

  test("a POST that hangs is 504 and never run again", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2", "--timeout", TIMEOUT] });
    const load = site.load();
    const response = await rawRequest(site.port, post("/post?s=600", "hung"));
    assert.equal(response.status, 504);
    await load.round();
    const report = await load.stop();
    assertServed(report, { slowestMs: TIMEOUT_MS + SLACK_MS, output: site.log });
    assertExactlyOnce(report, site.notes());
    assert.equal(site.notes().filter((note) => note === "hung").length, 1);
  });

  test("all workers at once, in different ways: 504 for each, then all is well", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "4", "--timeout", TIMEOUT] });
    const ways = ["sleep", "sleep-in-c", "stopped", "uninterruptible"];
    const before = site.workers();
    const answers = ways.map((way) => rawRequest(site.port, get(`/hang/${way}`)));
    await pause(200);
    // These wait behind them, and are not to be lost.
    const load = site.load({ connections: 4 });
    for (const { status } of await Promise.all(answers)) assert.equal(status, 504);
    await load.round();
    const report = await load.stop();
    assertServed(report, { slowestMs: REPLACED_MS, requestsMin: 4, output: site.log });
    assertExactlyOnce(report, site.notes());
    await site.server.until("four other workers", () => {
      const now = site.workers();
      return now.length === 4 && !now.some((pid) => before.includes(pid));
    });
  });

  test("what stands behind a view that hangs is run as soon as its worker is killed", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "1", "--timeout", TIMEOUT] });
    const load = site.load({ connections: 12, pauseMs: 0, kinds: [quickPost] });
    // So many that batches are formed.
    await load.more(1_500);
    const hanging = rawRequest(site.port, get("/hang/deadlock"));
    assert.equal((await hanging).status, 504);
    await load.more(200);
    const report = await load.stop();
    // SIGABRT, a second later SIGKILL: before that nobody knows what has begun.
    const slowestMs = TIMEOUT_MS + 1_000 + SLACK_MS;
    assertServed(report, { slowestMs, output: site.server.output });
    assertExactlyOnce(report, site.notes());
  });

  for (const way of ["sleep", "sleep-in-c", "stopped"]) {
    test(`a view hangs in mid-answer, ${way}: cut, seen as cut, and replaced`, async () => {
      await using site = await FaultSite.start({ args: ["--workers", "2", "--timeout", TIMEOUT] });
      const load = site.load();
      using client = await RawClient.connect(site.port);
      client.write(get(`/stream/cut?hang=${way}`));
      assert.equal((await client.readHead()).status, 200);
      const rest = (await client.readToEnd()).toString("latin1");
      assert.match(rest, /cut/);
      assert.doesNotMatch(rest, /(?:^|\n)0\r\n\r\n/, "no end of the chunked coding");
      await load.round();
      const report = await load.stop();
      assertServed(report, { slowestMs: REPLACED_MS, output: site.log });
      await site.untilWorkers(2);
      assert.match(site.log, /GET \/stream\/cut/);
    });
  }

  test("a client that leaves a hung view does not keep the worker from ending", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2", "--timeout", TIMEOUT] });
    const before = site.workers();
    const clients = await Promise.all([1, 2].map(() => RawClient.connect(site.port)));
    for (const client of clients) client.write(get("/hang/sleep-in-c"));
    await pause(100);
    for (const client of clients) client.close();
    const load = site.load({ connections: 2 });
    await load.round();
    await site.server.until("two other workers", () => {
      const now = site.workers();
      return now.length === 2 && !now.some((pid) => before.includes(pid));
    });
    const report = await load.stop();
    assertServed(report, { slowestMs: REPLACED_MS, requestsMin: 2, output: site.log });
  });

  test("a view holds the interpreter's lock for seconds: nobody is killed for it", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2"] });
    const before = site.workers();
    const load = site.load();
    // Longer than any heartbeat of a peer (uvicorn 5 s), and both workers at once at the end.
    const long = rawRequest(site.port, get("/gil/long?ms=7000"));
    await pause(3_000);
    const other = rawRequest(site.port, get("/gil/other?ms=4000"));
    assert.equal((await long).text, "long\n");
    assert.equal((await other).text, "other\n");
    await load.round();
    const report = await load.stop();
    assertServed(report, { slowestMs: 7_000 + SLACK_MS, output: site.log });
    assert.deepEqual(site.workers(), before, "the same workers");
    assert.equal(site.log, "");
  });

  test("--timeout off: nothing is cut, however long, and it still stops", async () => {
    await using site = await FaultSite.start({
      args: ["--workers", "1", "--timeout", "off", "--graceful-timeout", "1s"],
    });
    using client = await RawClient.connect(site.port);
    client.write(get("/hang/sleep-in-c"));
    await pause(1_500);
    assert.equal(site.log, "");
    assert.deepEqual(await site.server.stop(), { status: 0, signal: null });
  });

  test("a worker that is stopped and goes on in time has lost nothing", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2", "--timeout", "5s"] });
    const load = site.load();
    await load.more(20);
    const before = site.workers();
    for (const pid of before) process.kill(pid, "SIGSTOP");
    await pause(1_000);
    for (const pid of before) process.kill(pid, "SIGCONT");
    await load.round();
    const report = await load.stop();
    assertServed(report, { slowestMs: 1_000 + SLACK_MS, output: site.log });
    assertExactlyOnce(report, site.notes());
    assert.deepEqual(site.workers(), before);
  });

  test("the gateway is stopped for longer than --timeout: nobody is blamed for it", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2", "--timeout", "1s"] });
    const before = site.workers();
    const load = site.load();
    await load.more(20);
    for (let round = 0; round < 2; round++) {
      site.server.signal("SIGSTOP");
      await pause(2_000);
      site.server.signal("SIGCONT");
      await load.round();
    }
    const report = await load.stop();
    assertServed(report, { slowestMs: 2_000 + SLACK_MS, output: site.log });
    assertExactlyOnce(report, site.notes());
    assert.deepEqual(site.workers(), before);
  });

  test("nobody reads standard error while a hung worker's stacks are written", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2", "--timeout", "1s"] });
    site.server.child.stderr?.pause();
    const load = site.load();
    // Each fills the pipe by some more stacks; a pipe holds 64 KiB.
    for (let round = 0; round < 6; round++) {
      const { status } = await rawRequest(
        site.port,
        get(`/hang/other-thread/${"x".repeat(6_000)}`),
      );
      assert.equal(status, 504);
    }
    await load.round();
    assertServed(await load.stop(), { slowestMs: REPLACED_MS, output: site.log });
    site.server.child.stderr?.resume();
    await site.untilWorkers(2);
    assert.ok(site.workers().every((pid) => statusOf(pid) !== null));
  });
});
