/**
 * Workers that are replaced before they harm, and numbers of workers that change, under load: the
 * next one is ready before the last one leaves, and no request notices.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { get, TRANSPORTS } from "../end-to-end/exercise.ts";
import { RawClient, rawRequest } from "../end-to-end/raw-client.ts";
import { FaultSite } from "./fault-site.ts";
import {
  assertExactlyOnce,
  assertServed,
  type Exchange,
  KINDS_DEFAULT,
  type RequestKind,
  slowGet,
  streamedGet,
} from "./load-client.ts";

const CONCURRENCY = 4;
/** A replacement is forked beside the one that leaves: nobody waits for it, but for the CPU. */
const STALL_MAX_MS = 2_000;
const POLL_INTERVAL_MS = 15;

const growing: RequestKind = (id) => ({
  method: "GET",
  path: `/grow?id=${id}&kib=2048`,
  content: "",
  expected: `${id}\n`,
});

/** Looks at the number of workers until `ended`; the least and the most that there were. */
async function watchWorkers(
  site: FaultSite,
  ended: Promise<unknown>,
): Promise<{ least: number; most: number; pids: Set<number> }> {
  const seen = { least: Infinity, most: 0, pids: new Set<number>(), over: false };
  const end = (): void => void (seen.over = true);
  void ended.then(end, end);
  while (!seen.over) {
    const workers = site.workers();
    seen.least = Math.min(seen.least, workers.length);
    seen.most = Math.max(seen.most, workers.length);
    for (const pid of workers) seen.pids.add(pid);
    await pause(POLL_INTERVAL_MS);
  }
  return seen;
}

describe("workers that leave, and numbers of workers", { concurrency: CONCURRENCY }, () => {
  for (const [what, args, kinds] of [
    ["--max-requests", ["--max-requests", "40"], KINDS_DEFAULT],
    [
      "--max-requests, by threads",
      ["--max-requests", "60", "--worker-class", "thread", "--threads", "3"],
      KINDS_DEFAULT,
    ],
    ["--max-lifetime", ["--max-lifetime", "1s"], KINDS_DEFAULT],
    ["--max-rss", ["--max-rss", "40MiB"], [...KINDS_DEFAULT, growing]],
  ] as const) {
    test(`${what}: under load nobody notices`, async () => {
      await using site = await FaultSite.start({ args: ["--workers", "2", ...args] });
      const load = site.load({ kinds: [...kinds, streamedGet] });
      const ended = load.more(600).then(() => load.round());
      const { least, pids } = await watchWorkers(site, ended);
      await ended;
      const report = await load.stop();
      assertServed(report, { slowestMs: STALL_MAX_MS, output: site.log });
      assertExactlyOnce(report, site.notes());
      assert.ok(least >= 2, `only ${least} workers for a moment\n${site.log}`);
      assert.ok(pids.size >= 5, `${pids.size} workers were seen: hardly any was replaced`);
      await site.untilWorkers(2);
      assert.equal(site.logged(/ error /).length, 0, site.log);
    });
  }

  test("--max-requests: the jitter keeps workers from leaving together", async () => {
    await using site = await FaultSite.start({
      args: ["--workers", "4", "--max-requests", "50", "--max-requests-jitter", "200"],
    });
    const load = site.load({ connections: 4 });
    const first = site.workers();
    const gone: number[] = [];
    await load.until("the first four gone", (exchanges: readonly Exchange[]) => {
      const left = site.workers();
      for (const pid of first) {
        if (!left.includes(pid) && !gone.includes(exchanges.length)) gone.push(exchanges.length);
      }
      return first.every((pid) => !left.includes(pid));
    });
    assertServed(await load.stop(), { slowestMs: STALL_MAX_MS, output: site.log });
    assert.ok(gone.length >= 2, `all left after ${gone.join(", ")} requests`);
  });

  test("--max-rss: the log names the route that grew, and not the others", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "1", "--max-rss", "40MiB"] });
    const load = site.load({ kinds: [...KINDS_DEFAULT, growing] });
    const lines = (): string[] => site.logged(/more memory than --max-rss.*grew=/);
    await site.server.until("the line", () => lines().length > 0);
    const grew = /grew="?([^"]*)/.exec(lines()[0] ?? "")?.[1] ?? "";
    assert.match(grew, /^\/grow by \d+\.\d MiB over \d+ requests/);
    assertServed(await load.stop(), { slowestMs: STALL_MAX_MS, output: site.log });
  });

  for (const transport of TRANSPORTS) {
    test(`--drain-timeout: what never ends keeps no old code, by ${transport}`, async () => {
      const args = ["--transport", transport, "--workers", "2", "--watch-window", "off"];
      await using site = await FaultSite.start({ args: [...args, "--drain-timeout", "2s"] });
      const load = site.load();
      using client = await RawClient.connect(site.port);
      client.write(get("/stream/endless?n=1000000&s=0.05"));
      const head = await client.readHead();
      const streaming = Number(head.field("x-pid"));
      const [zygote] = site.zygotes();
      site.server.signal("SIGHUP");
      await site.server.until("new workers", () => !site.zygotes().every((pid) => pid === zygote));
      assert.ok(site.workers().includes(streaming), "it has its time");
      await client.readToEnd();
      const line = /ended while it had a request.*\/stream\/endless.*--drain-timeout/;
      await site.server.until("the line", () => line.test(site.log));
      await site.server.until("the old code's end", () => {
        return !site.workers().includes(streaming) && !site.zygotes().includes(zygote ?? 0);
      });
      assert.equal(site.logged(/ error /).length, 0, site.log);
      await load.round();
      assertServed(await load.stop(), { slowestMs: STALL_MAX_MS, output: site.log });
    });
  }

  test("TTIN, TTOU and scale, under load", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2"] });
    const load = site.load();
    const steps: readonly (readonly [change: string, count: number])[] = [
      ["SIGTTIN", 3],
      ["SIGTTIN", 4],
      ["SIGTTOU", 3],
      ["6", 6],
      ["1", 1],
      ["SIGTTOU", 1],
    ];
    for (const [change, count] of steps) {
      if (change.startsWith("SIG")) site.server.signal(change as NodeJS.Signals);
      else assert.equal((await site.command("scale", change)).status, 0);
      await site.untilWorkers(count);
      await load.round();
    }
    assert.equal((await site.command("scale", "2..4")).status, 0);
    // Requests may wait by now, and then it grows.
    await site.server.until("2 to 4 workers", () => {
      const { length } = site.workers();
      return length >= 2 && length <= 4;
    });
    await load.round();
    assert.equal((await site.command("scale", "0")).status, 2);
    assert.equal((await site.command("scale", "4..2")).status, 2);
    const report = await load.stop();
    assertServed(report, { slowestMs: STALL_MAX_MS, output: site.log });
    assertExactlyOnce(report, site.notes());
  });

  test("--workers MIN..MAX grows while requests wait, and shrinks when idle", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "1..5"] });
    await site.untilWorkers(1);
    const load = site.load({
      connections: 10,
      kinds: [(id) => ({ ...slowGet(id), path: `/slow/${id}?s=0.2` })],
    });
    await site.untilWorkers(5);
    await load.round();
    const { least, most } = await watchWorkers(site, load.more(50));
    assert.deepEqual([least, most], [5, 5]);
    const report = await load.stop();
    assertServed(report, { output: site.log });
    await site.server.until("one worker", () => site.workers().length === 1);
    assert.equal((await rawRequest(site.port, get("/get/a"))).status, 200);
    assert.equal(site.logged(/ error /).length, 0, site.log);
  });

  test("a range holds after crashes, and over a reload", async () => {
    await using site = await FaultSite.start({
      args: ["--workers", "2..4", "--watch-window", "1s"],
    });
    const load = site.load({ connections: 2 });
    await load.more(10);
    for (const pid of site.workers()) process.kill(pid, "SIGKILL");
    await load.round();
    const { status, stderr } = await site.command("reload", "--watch");
    assert.equal(status, 0, stderr + site.log);
    await load.round();
    await site.server.until("two to four workers", () => {
      return site.workers().length >= 2 && site.workers().length <= 4;
    });
    assertServed(await load.stop(), { statuses: { 502: 4 }, slowestMs: 2_000, output: site.log });
  });
});
