/**
 * Workers, zygotes and gateways that die, in every way and at every moment, under load: whoever can
 * be answered is, nothing that may not run twice does, and what died is replaced.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { get, post } from "../end-to-end/exercise.ts";
import { childrenOf, statusOf } from "../end-to-end/process-tree.ts";
import { RawClient, rawRequest, type RawResponse } from "../end-to-end/raw-client.ts";
import { FaultSite } from "./fault-site.ts";
import {
  assertExactlyOnce,
  assertServed,
  KINDS_DEFAULT,
  quickGet,
  slowGet,
  streamedGet,
} from "./load-client.ts";

/** Servers that a file has running at once. */
const CONCURRENCY = 4;

const DEATHS = [
  "kill",
  "term",
  "segv",
  "abort",
  "exit",
  "exit-3",
  "out-of-memory",
  "thread-exit",
  "close-all",
] as const;

/**
 * What the death of a worker may cost another request: it is run again as soon as it is noticed, at
 * the latest when another worker is there.
 */
const RECOVERY_MS = 3_000;
/** A new zygote has to import the application before anybody can be answered again. */
const IMPORT_MS = 9_000;
/** One that was stopped is first waited for. */
const STOPPED_MS = 14_000;

/** An honest answer in place of the application's: a page, and a number to ask about. */
function assertBadGateway(response: RawResponse, output: string): void {
  assert.equal(response.status, 502, output);
  assert.ok(response.content.length > 0, "a body");
  assert.match(response.field("X-Request-Id") ?? "", /^\S{8,}$/, "a request id");
}

function count(notes: readonly string[], note: string): number {
  return notes.filter((one) => one === note).length;
}

describe("what dies, by every way and at every moment", { concurrency: CONCURRENCY }, () => {
  for (const way of DEATHS) {
    test(`a worker dies before the first byte of an answer, by ${way}`, async () => {
      await using site = await FaultSite.start({ args: ["--workers", "3"] });
      const load = site.load();
      await load.more(20);

      const again = await rawRequest(site.port, get(`/once/${way}/${way}`));
      assert.equal(again.text, `${way}/${way}\n`, "an idempotent request is run again");

      using client = await RawClient.connect(site.port);
      assertBadGateway(await client.exchange(post(`/die/${way}`, `once-${way}`)), site.log);
      assert.equal(count(site.notes(), `once-${way}`), 1, "a POST is never run twice");
      assert.equal((await client.exchange(get("/get/same"))).text, "same\n", "the same connection");

      assertBadGateway(await rawRequest(site.port, get(`/die/${way}`)), site.log);
      assert.equal(count(site.notes(), `die GET ${way}`), 2, "what kills twice is given up");

      await site.untilWorkers(3);
      await load.round();
      const report = await load.stop();
      assertServed(report, { slowestMs: RECOVERY_MS, output: site.log });
      assertExactlyOnce(report, site.notes());
      assert.match(site.log, new RegExp(`a worker .*request="?GET /die/${way}`));
    });
  }

  test("sys.exit, an interrupt and MemoryError are errors of the view: 500", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2"] });
    const load = site.load();
    for (const way of ["sys-exit", "keyboard-interrupt", "memory-limit"]) {
      const response = await rawRequest(site.port, post(`/die/${way}`, way));
      assert.equal(response.status, 500, way);
      assert.equal(count(site.notes(), way), 1);
    }
    await load.round();
    assertServed(await load.stop(), { slowestMs: RECOVERY_MS, output: site.log });
    // The first two may end their worker, once it has answered.
    await site.untilWorkers(2);
  });

  for (const way of ["kill", "exit", "segv"]) {
    test(`a worker dies in the middle of an answer, by ${way}: it is seen to be cut`, async () => {
      await using site = await FaultSite.start({ args: ["--workers", "3"] });
      const load = site.load({ kinds: [...KINDS_DEFAULT, streamedGet] });
      await load.more(20);
      for (const version of ["1.1", "1.0"]) {
        using client = await RawClient.connect(site.port);
        client.write(`GET /stream/cut?die=${way} HTTP/${version}\r\nHost: a\r\n\r\n`);
        const head = await client.readHead();
        assert.equal(head.status, 200);
        const rest = (await client.readToEnd()).toString("latin1");
        assert.match(rest, /cut/, "the piece that had left is not lost");
        assert.doesNotMatch(rest, /(?:^|\n)0\r\n\r\n/, "no end of the chunked coding");
      }
      await load.round();
      const report = await load.stop();
      assertServed(report, { slowestMs: RECOVERY_MS, output: site.log });
      assertExactlyOnce(report, site.notes());
      await site.untilWorkers(3);
    });
  }

  test("workers die while they are idle: nobody notices", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2"] });
    const before = site.workers();
    for (const pid of before) {
      process.kill(pid, "SIGKILL");
      // The very next request may be sent to it before anybody knows.
      assert.equal((await rawRequest(site.port, get("/get/a"))).text, "a\n");
      await site.server.until("another in its place", () => {
        const now = site.workers();
        return now.length === 2 && !now.includes(pid);
      });
    }
  });

  test("all workers die at once, again and again: GETs run again, POSTs get 502", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "3"] });
    const load = site.load();
    const rounds = 4;
    for (let round = 0; round < rounds; round++) {
      await load.round();
      for (const pid of site.workers()) process.kill(pid, "SIGKILL");
    }
    await load.round();
    const report = await load.stop();
    // Those that had begun on a worker that was killed; GETs that were killed twice as well.
    assertServed(report, { statuses: { 502: 3 * rounds }, slowestMs: 5_000, output: site.log });
    assertExactlyOnce(report, site.notes());
    await site.untilWorkers(3);
  });

  test("a worker dies while it starts: the others serve, and it is started again", async () => {
    const code = [
      "import os, signal, victim",
      "def die_at_the_fourth():",
      "    path = os.environ['FAULT_LEDGER'] + '.forks'",
      "    with open(path, 'a') as file:",
      "        file.write('x')",
      "    if os.path.getsize(path) in (4, 5):",
      "        os.kill(os.getpid(), signal.SIGKILL)",
      "os.register_at_fork(after_in_child=die_at_the_fourth)",
      "app = victim.make_application('1')",
      "",
    ].join("\n");
    await using site = await FaultSite.start({ args: ["--workers", "3"], code });
    const load = site.load();
    const [first = 0] = site.workers();
    process.kill(first, "SIGKILL");
    await site.server.until(
      "a fourth and a fifth start that failed",
      () => site.logged(/a worker ended .*signal=(?:9|SIGKILL)/).length >= 3,
    );
    await site.untilWorkers(3);
    await load.round();
    const report = await load.stop();
    assertServed(report, { statuses: { 502: 1 }, slowestMs: RECOVERY_MS, output: site.log });
    assertExactlyOnce(report, site.notes());
  });

  test("a view that always kills its worker takes neither the others nor the time", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2"] });
    const load = site.load({ connections: 3 });
    const killers = site.load({
      connections: 1,
      pauseMs: 50,
      kinds: [(id) => ({ method: "POST", path: "/die/exit-3", content: id, expected: "" })],
    });
    await killers.more(25);
    const killed = await killers.stop();
    await load.round();
    const report = await load.stop();
    assertServed(report, { slowestMs: RECOVERY_MS, output: site.log });
    assertServed(killed, {
      statuses: { 502: killed.exchanges.length },
      slowestMs: RECOVERY_MS,
      output: site.log,
    });
    const ids = new Set(killed.exchanges.map(({ id }) => id));
    assert.equal(site.notes().filter((note) => ids.has(note)).length, ids.size);
  });

  test("a worker dies when its client has gone: nothing runs again for nobody", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2"] });
    const load = site.load();
    await load.more(20);
    for (let round = 0; round < 5; round++) {
      const client = await RawClient.connect(site.port);
      client.write(post("/die/kill", `gone-${round}`));
      client.close();
    }
    await load.round();
    await site.untilWorkers(2);
    assertServed(await load.stop(), { slowestMs: RECOVERY_MS, output: site.log });
    for (let round = 0; round < 5; round++) {
      assert.ok(count(site.notes(), `gone-${round}`) <= 1);
    }
  });

  test("pipelined requests behind one that kills get their own answers, in order", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2"] });
    using client = await RawClient.connect(site.port);
    const behind = [post("/post", "second"), get("/get/third"), post("/post", "fourth")];
    client.write(
      Buffer.concat([post("/die/kill", "first"), ...behind.map((one) => Buffer.from(one))]),
    );
    const responses: string[] = [];
    for (let number = 0; number < 4; number++) {
      const response = await client.readResponse();
      responses.push(response.status === 200 ? response.text : String(response.status));
    }
    assert.deepEqual(responses, ["502", "second\n", "third\n", "fourth\n"]);
    assert.deepEqual(site.notes(), ["first", "second", "fourth"]);
  });

  test("the zygote is killed: requests wait for the next one, or go on", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2"] });
    const load = site.load();
    for (let round = 0; round < 3; round++) {
      await load.round();
      const zygotes = site.zygotes();
      for (const pid of zygotes) process.kill(pid, "SIGKILL");
      await load.round();
      await site.server.until("another zygote with its workers", () => {
        return site.workers().length === 2 && !site.zygotes().some((pid) => zygotes.includes(pid));
      });
    }
    const report = await load.stop();
    assertServed(report, { statuses: { 502: 2 * 3 }, slowestMs: IMPORT_MS, output: site.log });
    assertExactlyOnce(report, site.notes());
  });

  test("zygote and workers are killed together, in any order", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2"] });
    const load = site.load({ kinds: [quickGet, slowGet] });
    await load.more(20);
    const all = [...site.workers(), ...site.zygotes()];
    for (const pid of all) process.kill(pid, "SIGKILL");
    await load.round();
    await site.untilWorkers(2);
    // A GET of which two workers died is given up.
    const report = await load.stop();
    assertServed(report, { statuses: { 502: 2 }, slowestMs: IMPORT_MS, output: site.log });
  });

  test("the zygote is stopped: workers serve on, it is replaced when it is needed", async () => {
    await using site = await FaultSite.start({
      args: ["--workers", "2", "--start-timeout", "4s"],
    });
    const load = site.load();
    await load.more(20);
    const [zygote = 0] = site.zygotes();
    const workers = site.workers();
    process.kill(zygote, "SIGSTOP");
    try {
      await load.round();
      for (const pid of workers) process.kill(pid, "SIGKILL");
      await load.round();
      await site.server.until("another zygote with its workers", () => {
        return site.workers().filter((pid) => !workers.includes(pid)).length === 2;
      });
    } finally {
      if (statusOf(zygote) !== null) process.kill(zygote, "SIGCONT");
    }
    const report = await load.stop();
    assertServed(report, { statuses: { 502: 4 }, slowestMs: STOPPED_MS, output: site.log });
    assertExactlyOnce(report, site.notes());
  });

  test("kill -9 of the gateway leaves nothing, whatever its workers are doing", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "4"] });
    const ways = ["signals-ignored", "sleep-in-c", "stopped", "uninterruptible"];
    const clients = await Promise.all(ways.map(() => RawClient.connect(site.port)));
    clients.forEach((client, index) => client.write(get(`/hang/${ways[index]}`)));
    const states = (): string[] => site.workers().map((pid) => statusOf(pid)?.state ?? "");
    await site.server.until("all to hang", () => {
      return ["T", "D"].every((state) => states().includes(state));
    });
    const workers = site.workers();
    site.server.signal("SIGKILL");
    await site.server.ended;
    // It asserts that no process is left.
    await site.server.stop();
    assert.equal(workers.length, 4);
    assert.ok(workers.every((pid) => statusOf(pid) === null || statusOf(pid)?.state === "Z"));
    assert.equal(childrenOf(site.pid).length, 0);
    assert.ok(existsSync(site.folder));
    for (const client of clients) client.close();
  });
});
