/**
 * New code that comes up and then fails: traffic goes back to the old code by itself, with one line
 * that says so, and the old code answers as if nothing had been. Code that fails no more than the
 * old did stays.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { get } from "../end-to-end/exercise.ts";
import { rawRequest } from "../end-to-end/raw-client.ts";
import { type CommandEnd, FaultSite } from "./fault-site.ts";
import { assertExactlyOnce, assertServed, type Exchange, type LoadReport } from "./load-client.ts";
import { shopCode } from "./shop-code.ts";

const CONCURRENCY = 4;
/** From the promotion of code that fails to the first answer of the old code, under load. */
const ROLLBACK_MAX_MS = 5_000;

interface FailingCode {
  readonly what: string;
  readonly fault: readonly string[];
  /** Statuses that clients may see while the new code serves. */
  readonly statuses: readonly number[];
}

const FAILING: readonly FailingCode[] = [
  {
    what: "it raises in each view",
    fault: ["raise RuntimeError('every view is broken')"],
    statuses: [500],
  },
  {
    what: "it answers 500 itself",
    fault: ["return '500 Internal Server Error'"],
    statuses: [500],
  },
  {
    what: "it answers 503 to 3 of 10 requests",
    fault: ["return '503 Service Unavailable' if asked % 10 < 3 else None"],
    statuses: [503],
  },
  {
    what: "it raises in one view only",
    fault: ["if environ['PATH_INFO'] == '/post': raise RuntimeError('orders are broken')"],
    statuses: [500],
  },
  { what: "it ends its worker at each request", fault: ["os._exit(7)"], statuses: [502] },
  {
    what: "it ends its worker at some requests",
    fault: ["if asked % 10 == 9: os.kill(os.getpid(), signal.SIGSEGV)"],
    statuses: [502],
  },
  {
    what: "it hangs in each view",
    fault: ["time.sleep(600)"],
    statuses: [504, 503],
  },
];

/** No answer but the application's own where the old code serves. */
function assertOldServesWell(exchanges: readonly Exchange[]): void {
  const bad = exchanges.filter(({ status, version }) => status !== 200 || version !== "1");
  assert.deepEqual(bad.slice(0, 5), []);
}

function assertOnlyTheseFailed(report: LoadReport, allowed: readonly number[], log: string): void {
  const counts = Object.fromEntries(allowed.map((status) => [status, report.exchanges.length]));
  assertServed(report, { statuses: counts, slowestMs: ROLLBACK_MAX_MS, output: log });
}

describe("new code is watched", { concurrency: CONCURRENCY }, () => {
  for (const { what, fault, statuses } of FAILING) {
    test(`new code fails, ${what}: the old code takes the traffic back`, async () => {
      await using site = await FaultSite.start({
        args: ["--workers", "2", "--watch-window", "8s", "--timeout", "1s"],
        code: shopCode("1"),
      });
      const processes = site.server.processes().length;
      const workers = site.workers();
      const load = site.load();
      await load.more(40);
      site.edit(shopCode("2", { fault }));
      const reloaded = site.command("reload", "--watch");
      await site.server.until("the old code again", () => site.logged(/serves again/).length > 0);
      const backAtMs = performance.now();
      await load.round();
      await load.more(20);
      const end: CommandEnd = await reloaded;
      const report = await load.stop();
      assertOnlyTheseFailed(report, statuses, site.log);
      assertExactlyOnce(report, site.notes());
      assertOldServesWell(report.exchanges.filter(({ beganAtMs }) => beganAtMs > backAtMs + 50));
      assert.equal(site.logged(/serves again/).length, 1, "one line");
      assert.equal(end.status, 1, end.stdout + end.stderr);
      assert.equal((await site.status()).lastReload?.outcome, "rolled-back");
      await site.server.until("the new generation's end", () => {
        return site.server.processes().length === processes;
      });
      assert.deepEqual(site.workers(), workers, "the same workers as before");
    });
  }

  test("a good deploy works after one that was taken back", async () => {
    await using site = await FaultSite.start({
      args: ["--workers", "2", "--watch-window", "1s"],
      code: shopCode("1"),
    });
    const load = site.load();
    await load.more(20);
    site.edit(shopCode("2", { fault: ["raise RuntimeError('broken')"] }));
    assert.equal((await site.command("reload")).status, 0, "it served, for a moment");
    await site.server.until("the old code again", () => site.logged(/serves again/).length > 0);
    site.edit(shopCode("3"));
    const { status, stdout, stderr } = await site.command("reload", "--watch");
    assert.equal(status, 0, stdout + stderr);
    assert.equal((await rawRequest(site.port, get("/get/a"))).field("X-Version"), "3");
    const report = await load.stop();
    assertOnlyTheseFailed(report, [500], site.log);
    assert.ok(report.exchanges.every(({ version, status: got }) => version !== "3" || got === 200));
  });

  for (const [what, fault] of [
    ["3 of 10 requests", ["return '500 Broken' if asked % 10 < 3 else None"]],
    ["404 for everything", ["return '404 Not Found'"]],
    ["a worker that ends now and then", ["if asked % 40 == 39: os._exit(3)"]],
  ] as const) {
    test(`new code fails as the old did, ${what}: it stays`, async () => {
      await using site = await FaultSite.start({
        args: ["--workers", "2", "--watch-window", "2s"],
        code: shopCode("1", { fault }),
      });
      const load = site.load();
      await load.more(150);
      site.edit(shopCode("2", { fault }));
      const { status, stdout, stderr } = await site.command("reload", "--watch");
      assert.equal(status, 0, stdout + stderr + site.log);
      await load.round();
      const report = await load.stop();
      assert.deepEqual(report.failures, []);
      assert.equal(report.exchanges.findLast(({ version }) => version !== null)?.version, "2");
      assert.equal(site.logged(/serves again/).length, 0);
      assert.equal((await site.status()).lastReload?.outcome, "serving");
    });
  }

  test("a few requests that fail among many do not bring it back", async () => {
    await using site = await FaultSite.start({
      args: ["--workers", "2", "--watch-window", "2s"],
      code: shopCode("1"),
    });
    const load = site.load();
    await load.more(50);
    site.edit(shopCode("2", { fault: ["return '500 Broken' if asked % 50 == 9 else None"] }));
    assert.equal((await site.command("reload", "--watch")).status, 0, site.log);
    const report = await load.stop();
    assertOnlyTheseFailed(report, [500], site.log);
    assert.equal(site.logged(/serves again/).length, 0);
  });
});
