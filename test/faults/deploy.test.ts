/**
 * Deploys under load: new code comes up beside the old, and nobody notices anything but that the
 * answers are new; code that does not come up changes nothing.
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
  type LoadReport,
  streamedGet,
} from "./load-client.ts";
import { brokenCodes, shopCode } from "./shop-code.ts";

const CONCURRENCY = 4;
/**
 * No answer waits for an import, which takes longer than this. It is long, because the import and
 * whatever else this machine does take their share of the CPU.
 */
const STALL_MAX_MS = 2_000;
/** What a heap that has not been collected may have more. */
const MEMORY_GROWTH_MAX_BYTES = 48 * 1_048_576;
const LOAD_KINDS = [...KINDS_DEFAULT, streamedGet];

/** Once the new code answers, the old one does not any more. */
function assertNeverOldAgain(report: LoadReport): void {
  const firstEnd = new Map<string, number>();
  for (const { version, beganAtMs, tookMs } of report.exchanges) {
    if (version === null) continue;
    const endedAtMs = beganAtMs + tookMs;
    firstEnd.set(version, Math.min(firstEnd.get(version) ?? Infinity, endedAtMs));
  }
  const stale = report.exchanges.filter(({ version, beganAtMs }) =>
    [...firstEnd].some(
      ([newer, atMs]) => version !== null && Number(newer) > Number(version) && beganAtMs > atMs,
    ),
  );
  assert.deepEqual(stale, [], "old code answered a request that came after the new code's answer");
}

interface Site {
  readonly args: readonly string[];
  /** Deploys in a row. */
  readonly deploys: number;
}

const SITES: readonly Site[] = [
  { args: ["--workers", "2"], deploys: 5 },
  { args: ["--workers", "2", "--worker-class", "thread", "--threads", "3"], deploys: 3 },
  { args: ["--workers", "4", "--worker-class", "request"], deploys: 3 },
];

/** The kinds of broken code are tried on three servers at the same time. */
const PARTS = ["first", "second", "third"];

describe("deploys", { concurrency: CONCURRENCY }, () => {
  for (const { args, deploys } of SITES) {
    test(`HUP ${deploys} times in a row, and nobody notices: ${args.join(" ")}`, async () => {
      const importS = 2.5;
      await using site = await FaultSite.start({
        args: [...args, "--watch-window", "2s", "--keep-alive", "60s"],
        code: shopCode("1", { importS }),
      });
      await site.server.until("only the first generation", () => site.workers().length >= 2);
      const descriptors = site.descriptors();
      const processes = site.server.processes().length;
      const load = site.load({ kinds: LOAD_KINDS });
      // A connection that has nothing to say meanwhile.
      using idle = await RawClient.connect(site.port);
      assert.equal((await idle.exchange(get("/get/before"))).field("X-Version"), "1");
      for (let version = 2; version <= 1 + deploys; version++) {
        await load.more(10);
        site.edit(shopCode(String(version), { importS }));
        site.server.signal("SIGHUP");
        await load.until(`version ${version}`, (exchanges) =>
          exchanges.slice(-50).some((one) => one.version === String(version)),
        );
        assert.equal((await idle.exchange(get("/get/now"))).field("X-Version"), String(version));
      }
      await load.more(20);
      const report = await load.stop();
      assertServed(report, { slowestMs: STALL_MAX_MS, output: site.log });
      assertExactlyOnce(report, site.notes());
      assertNeverOldAgain(report);
      idle.close();
      await site.server.until(
        "the old generations' end",
        () => site.server.processes().length === processes,
      );
      assert.equal(site.zygotes().length, 1);
      await site.server.until("the descriptors' return", () => site.descriptors() <= descriptors);
    });
  }

  for (const part of PARTS) {
    test(`code that does not come up changes nothing, and says why: ${part} part`, async () => {
      await using site = await FaultSite.start({
        args: ["--workers", "2", "--ready-path", "/get/ready", "--start-timeout", "4s"],
        code: shopCode("1"),
      });
      const workers = site.workers();
      const processes = site.server.processes().length;
      const load = site.load({ connections: 3 });
      const broken = brokenCodes("666").filter((_, index) => index % 3 === PARTS.indexOf(part));
      for (const { what, code, why, traceback } of broken) {
        const before = site.log.length;
        const failures = (): string[] =>
          site.log
            .slice(before)
            .split("\n")
            .filter((line) => / error the new generation /.test(line));
        site.edit(code);
        const { status, stderr } = await site.command("reload");
        assert.equal(status, 1, `${what}: ${site.log}`);
        assert.match(stderr, why, what);
        await site.server.until("a line that says so", () => failures().length > 0);
        assert.equal(failures().length, 1, `${what}: one line\n${site.log}`);
        assert.match(failures()[0] ?? "", why, what);
        if (traceback !== null) {
          const isThere = (): boolean => traceback.test(site.log.slice(before));
          await site.server.until(`the traceback of ${what}`, isThere);
        }
        await site.server.until(`nothing left of ${what}`, () => site.zygotes().length === 1);
        assert.deepEqual(site.workers(), workers, `${what}: the same workers`);
      }
      const { lastReload, generations } = await site.status();
      assert.equal(lastReload?.outcome, "failed");
      assert.match(lastReload?.why ?? "", broken.at(-1)?.why ?? /never/);
      assert.equal(generations.filter(({ state }) => state === "serving").length, 1);
      await site.server.until("nothing left of them", () => {
        return site.server.processes().length === processes;
      });
      site.edit(shopCode("2"));
      assert.equal((await site.command("reload")).status, 0, site.log);
      assert.equal((await rawRequest(site.port, get("/get/a"))).field("X-Version"), "2");
      const report = await load.stop();
      assertServed(report, { slowestMs: STALL_MAX_MS, output: site.log });
      assertExactlyOnce(report, site.notes());
      assert.ok(report.exchanges.every(({ version }) => version !== "666"));
    });
  }

  test("what is under way is finished by the old code, what comes later by the new", async () => {
    await using site = await FaultSite.start({
      args: ["--workers", "3", "--watch-window", "off", "--body-rate-min", "off"],
      code: shopCode("1"),
    });
    const clients = await Promise.all([1, 2, 3, 4].map(() => RawClient.connect(site.port)));
    const [long, stream, upload, later] = clients as [RawClient, RawClient, RawClient, RawClient];
    long.write(post("/post?until=deployed", "long"));
    const streamed = stream.exchange(get("/stream/part?n=4&until=deployed"));
    upload.write("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nupl");
    await site.server.until("the long one running", () => site.notes().includes("long"));
    const oldZygotes = site.zygotes();

    site.edit(shopCode("2"));
    const { status, stdout } = await site.command("reload");
    assert.equal(status, 0, stdout);
    assert.equal((await later.exchange(get("/get/new"))).field("X-Version"), "2");
    assert.deepEqual(
      oldZygotes.filter((pid) => statusOf(pid) === null),
      [],
      "they hold requests",
    );
    site.tell("deployed");
    upload.write("oad");
    assert.equal((await upload.readResponse()).field("X-Version"), "2");
    const answer = await long.readResponse();
    assert.equal(`${answer.status} ${answer.field("X-Version")} ${answer.text}`, "200 1 long\n");
    const whole = await streamed;
    assert.equal(`${whole.field("X-Version")} ${whole.text}`, `1 ${"part\n".repeat(4)}`);
    await site.server.until("the old generation's end", () => {
      return oldZygotes.every((pid) => statusOf(pid) === null);
    });
    assert.deepEqual(site.notes(), ["long", "upload"]);
    for (const client of clients) client.close();
  });

  test("workers that end just when they get ready never reach anybody", async () => {
    await using site = await FaultSite.start({ args: ["--workers", "2"], code: shopCode("1") });
    const load = site.load({ connections: 2 });
    const workers = site.workers();
    const failures = (): number => site.logged(/ error the new generation /).length;
    for (let number = 1; number <= 10; number++) {
      // By another thread, a little later each time: before, with and behind the first frame.
      const lines = [
        "def end(): os._exit(6)",
        "def end_soon():",
        `    threading.Timer(${(number - 1) / 1_000}, end).start()`,
        "os.register_at_fork(after_in_child=end_soon)",
      ];
      site.edit(shopCode("666", { lines }));
      site.server.signal("SIGHUP");
      await site.server.until(`failure ${number}`, () => failures() === number);
    }
    const report = await load.stop();
    assertServed(report, { slowestMs: STALL_MAX_MS, output: site.log });
    assertExactlyOnce(report, site.notes());
    assert.ok(report.exchanges.every(({ version }) => version === "1"));
    assert.deepEqual(site.workers(), workers);
  });

  test("HUPs in a storm are as good as one or two", async () => {
    await using site = await FaultSite.start({
      args: ["--workers", "2", "--watch-window", "1s"],
      code: shopCode("1"),
    });
    const processes = site.server.processes().length;
    const load = site.load();
    let most = 0;
    for (let number = 0; number < 20; number++) {
      site.edit(shopCode(String(2 + number)));
      site.server.signal("SIGHUP");
      await pause(50);
      most = Math.max(most, site.zygotes().length);
    }
    await load.until("the last version", (exchanges) =>
      exchanges.slice(-20).some(({ version }) => version === "21"),
    );
    await site.server.until("the old generations' end", () => {
      most = Math.max(most, site.zygotes().length);
      return site.server.processes().length === processes;
    });
    const report = await load.stop();
    assertServed(report, { slowestMs: STALL_MAX_MS, output: site.log });
    assertExactlyOnce(report, site.notes());
    assertNeverOldAgain(report);
    // One serves, one rests, one comes up, and one may be on its way out.
    assert.ok(most <= 4, `${most} generations at once`);
  });

  for (const order of ["TERM during HUP", "HUP during TERM"]) {
    test(`${order}: what was accepted is answered, and it ends`, async () => {
      await using site = await FaultSite.start({
        args: ["--workers", "2", "--watch-window", "1s"],
        code: shopCode("1"),
      });
      site.edit(shopCode("2", { importS: 5 }));
      const signals = order === "TERM during HUP" ? ["SIGHUP", "SIGTERM"] : ["SIGTERM", "SIGHUP"];
      const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(site.port)));
      clients.forEach((client, index) => client.write(post("/post?s=1", `held-${index}`)));
      await site.server.until("two running", () => site.notes().length === 2);
      for (const signal of signals as NodeJS.Signals[]) {
        site.server.signal(signal);
        await pause(200);
      }
      const beganAtMs = performance.now();
      for (const [index, client] of clients.entries()) {
        const response = await client.readResponse();
        assert.equal(`${response.status} ${response.text}`, `200 held-${index}\n`);
        client.close();
      }
      assert.deepEqual(await site.server.stop(), { status: 0, signal: null });
      assert.ok(performance.now() - beganAtMs < 5_000, "it does not wait for the import");
      assert.deepEqual(site.notes().toSorted(), ["held-0", "held-1", "held-2"]);
    });
  }

  test("twenty deploys cost the gateway neither memory nor descriptors", async () => {
    await using site = await FaultSite.start({
      args: ["--workers", "2", "--watch-window", "off"],
      code: shopCode("1"),
    });
    const load = site.load({ connections: 2 });
    const processes = site.server.processes().length;
    const deploy = async (version: number): Promise<void> => {
      site.edit(shopCode(String(version)));
      site.server.signal("SIGHUP");
      await load.until(`version ${version}`, (exchanges) =>
        exchanges.slice(-10).some((one) => one.version === String(version)),
      );
    };
    const settled = (): Promise<void> =>
      site.server.until("the old generations' end", () => {
        return site.server.processes().length === processes;
      });
    for (let version = 2; version <= 6; version++) await deploy(version);
    await settled();
    const before = { descriptors: site.descriptors(), memory: site.memoryBytes() };
    for (let version = 7; version <= 21; version++) await deploy(version);
    await settled();
    await site.server.until("the descriptors' return", () => {
      return site.descriptors() <= before.descriptors;
    });
    const grewBytes = site.memoryBytes() - before.memory;
    assert.ok(grewBytes < MEMORY_GROWTH_MAX_BYTES, `${grewBytes} bytes more`);
    assertServed(await load.stop(), { slowestMs: STALL_MAX_MS, output: site.log });
  });
});
