/**
 * The live page in a real browser, over a server that works: its figures are the server's, what
 * happens to the server is seen, and what is asked of it happens.
 *
 * Pictures of it are kept in `.screenshots/`, for people to look at.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { freePort } from "../../bench/free-port.ts";
import { NULL_LOG } from "../../src/base/log.ts";
import { realClock } from "../../src/os/real-clock.ts";
import { DashboardServer } from "../../src/server/dashboard/dashboard-server.ts";
import {
  PROJECT_FOLDER,
  runPortico,
  type ServerProcess,
  startPortico,
} from "../end-to-end/server-process.ts";
import { PlayedObserved } from "../server/dashboard/played-observed.ts";
import { ProjectFolder } from "../server/development/project-folder.ts";
import { chromiumProgram, launch, SHOWN_WITHIN_MS } from "./chromium.ts";

const TOKEN = "0123456789abcdef0123";
const PICTURES = path.join(PROJECT_FOLDER, ".screenshots");
const SCREENS = [
  ["laptop", 1280, 800],
  ["phone", 390, 844],
  ["small phone", 320, 568],
] as const;
/** Of the whole page, however many connections there are. */
const ELEMENTS_MAX = 4_000;
/** How long nobody looks at the page. */
const AWAY_S = 60;
const REQUESTS_AT_ONCE = 4;
const REQUEST_PAUSE_MS = 20;
/** Load for a chart of some seconds, which is over before pictures are taken. */
const CHARTED_MS = 2_500;

const APPLICATION = `
import time
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hang":
        hang_here()
    if path == "/broken":
        raise ValueError("broken")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x" * 1000]
def hang_here():
    time.sleep(600)
`;

const program = chromiumProgram();

if (program !== null) {
  describe("the live page, in a browser", () => {
    let browser: Browser;
    let project: ProjectFolder;
    let server: ServerProcess;
    let page: Page;
    let trouble: string[];

    const start = (port: number, token: string | null = TOKEN): Promise<ServerProcess> =>
      startPortico(
        [
          "--dashboard",
          `127.0.0.1:${port}`,
          "--metrics=/metrics",
          "--control-socket",
          project.at("control.sock"),
          "--workers=2",
          "--access-log=off",
          "--timeout=300",
          "--graceful-timeout=1",
          "--chdir",
          project.path,
          "app:app",
        ],
        { env: token === null ? {} : { PORTICO_DASHBOARD_TOKEN: token } },
      );
    const url = (): string => /dashboard +(http:\S+)/.exec(server.stdout)?.[1] ?? "";
    /** A tab, whose complaints are kept. */
    const openPage = async (options: BrowserContextOptions = {}): Promise<Page> => {
      const context = await browser.newContext({ reducedMotion: "reduce", ...options });
      const opened = await context.newPage();
      opened.setDefaultTimeout(SHOWN_WITHIN_MS);
      opened.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) trouble.push(message.text());
      });
      opened.on("pageerror", (error) => trouble.push(String(error)));
      return opened;
    };
    /** Before the server's end, of which a page that is open complains at any time after it. */
    const closePages = async (): Promise<void> => {
      await Promise.all(browser.contexts().map((context) => context.close()));
    };
    const visit = async (): Promise<void> => {
      await page.goto(`${url()}#token=${TOKEN}`);
      await page.locator("body[data-link=live]").waitFor();
      await page.locator("#process-rows tr[data-kind=worker]").nth(1).waitFor();
    };
    const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
      const deadline = performance.now() + SHOWN_WITHIN_MS;
      while (!(await holds())) {
        assert.ok(performance.now() < deadline, `not shown: ${what}\n${server.output}`);
        await pause(100);
      }
    };
    const textOf = (selector: string): Promise<string> =>
      page
        .locator(selector)
        .first()
        .evaluate((element) => element.textContent ?? "");
    /** Requests, until told to stop. @returns how to stop, which tells how many there were */
    const load = (): (() => Promise<number>) => {
      const over = new AbortController();
      let count = 0;
      const client = async (): Promise<void> => {
        while (!over.signal.aborted) {
          await (await fetch(`${server.origin}/page`)).text();
          count++;
          await pause(REQUEST_PAUSE_MS);
        }
      };
      const clients = Array.from({ length: REQUESTS_AT_ONCE }, client);
      return async () => {
        over.abort();
        await Promise.all(clients);
        return count;
      };
    };
    const workerPids = (): Promise<number[]> =>
      page
        .locator("#process-rows tr[data-kind=worker]")
        .evaluateAll((rows) => rows.map((row) => Number(row.dataset["pid"])));

    before(async () => {
      mkdirSync(PICTURES, { recursive: true });
      browser = await launch(program);
    });
    after(() => browser.close());
    beforeEach(async () => {
      project = new ProjectFolder();
      project.write("app.py", APPLICATION);
      trouble = [];
      server = await start(0);
      page = await openPage();
    });
    afterEach(async () => {
      await closePages();
      await server[Symbol.asyncDispose]();
      project[Symbol.dispose]();
      assert.deepEqual(trouble, []);
    });

    test("its figures move, and are those of the metrics and of status", async () => {
      await visit();
      const stop = load();
      await until("requests a second", async () => /^[1-9]/.test(await textOf(".vital .value")));
      const counts = async (): Promise<number> => {
        const cells = page.locator("tr[data-kind=worker] [data-label=requests]");
        const texts = await cells.allTextContents();
        return texts.reduce((sum, text) => sum + Number(text.replaceAll(",", "")), 0);
      };
      const early = await counts();
      await until("more requests", async () => (await counts()) > early + 20);
      const count = await stop();
      // One that has waited for long is given to another worker as well, and both have taken it.
      await until("all requests", async () => (await counts()) >= count);

      const metrics = await (await fetch(`${server.origin}/metrics`)).text();
      const answered = [...metrics.matchAll(/^portico_http_requests_total\{.*\} (\d+)$/gm)];
      const total = answered.reduce((sum, [, value]) => sum + Number(value), 0);
      const control = project.at("control.sock");
      const status = await runPortico(["status", "--json", "--control-socket", control]);
      const { generations } = JSON.parse(status.stdout) as {
        generations: { workers: { pid: number; requests: number }[] }[];
      };
      const workers = generations.flatMap((generation) => generation.workers);
      assert.deepEqual(
        workers.map(({ pid }) => pid),
        await workerPids(),
      );
      assert.equal(
        workers.reduce((sum, { requests }) => sum + requests, 0),
        await counts(),
      );
      // The seconds of the charts, read one by one by keyboard.
      await until("a second of rest", async () => (await textOf(".vital .value")) === "0");
      const chart = page.getByRole("slider");
      const perSecond = new Map<string, number>();
      await chart.focus();
      for (let isNew = true; isNew;) {
        await page.keyboard.press("ArrowLeft");
        const text = (await chart.getAttribute("aria-valuetext")) ?? "";
        const [, time = "", requests = ""] = /^([\d:]+).*? all ([\d,]+),/.exec(text) ?? [];
        isNew = !perSecond.has(time);
        perSecond.set(time, Number(requests.replaceAll(",", "")));
      }
      const drawn = [...perSecond.values()].reduce((sum, value) => sum + value, 0);
      assert.equal(drawn, count);
      // What asked for the metrics is a request as well, and no worker's.
      assert.ok(total === count || total === count + 1, `${total} of ${count}`);
    });

    test("a worker that is killed is seen to go, and another to come", async () => {
      await visit();
      const [killed = 0, kept = 0] = await workerPids();
      process.kill(killed, "SIGKILL");
      await until("a new worker", async () => {
        const pids = await workerPids();
        return pids.length === 2 && !pids.includes(killed) && pids.includes(kept);
      });
      await page.locator("#marks li", { hasText: String(killed) }).waitFor();
      await page.locator("#charts [data-kind=worker-lost]").waitFor();
    });

    test("reload and scale do as they say, and are marked", async () => {
      await visit();
      await page.getByRole("button", { name: "Reload" }).click();
      await page.locator("#notice-text", { hasText: "Generation 2 serves." }).waitFor();
      await page.locator("#summary", { hasText: "generation 2" }).waitFor();
      await page.locator("#charts [data-kind=reload]").waitFor();
      await page.getByRole("button", { name: "One worker more" }).click();
      await until("three workers", async () => (await textOf("#range")) === "3");
      await page.locator("#charts [data-kind=scale]").waitFor();
      await page.getByRole("button", { name: "One worker fewer" }).click();
      await until("two workers", async () => (await textOf("#range")) === "2");
      project.write("app.py", "def app(:");
      await page.getByRole("button", { name: "Reload" }).click();
      await page.locator("#notice-text", { hasText: "The reload failed" }).waitFor();
      await page.locator("#charts [data-kind=reload-failed]").waitFor();
      // The browser notes each answer that is not 200.
      trouble = trouble.filter((text) => !/409 \(Conflict\)/.test(text));
    });

    test("what a worker hangs in is shown, and an error as it happens", async () => {
      await visit();
      const hanging = fetch(`${server.origin}/hang?<i>`).catch(() => null);
      const row = page.locator("tr[data-kind=worker]", { hasText: "GET /hang?" });
      await row.getByRole("button", { name: /^Python stack of worker PID \d+$/ }).click();
      await page.locator("#stack-text", { hasText: "in hang_here" }).waitFor();
      await page.keyboard.press("Escape");
      await page.locator("#stack").waitFor({ state: "hidden" });
      assert.equal((await fetch(`${server.origin}/broken`)).status, 500);
      await page.locator("#errors li", { hasText: "GET /broken" }).waitFor();
      await closePages();
      await server.stop(60_000);
      await hanging;
    });

    test("without its token it shows nothing", async () => {
      const asked: string[] = [];
      page.on("request", (request) => asked.push(new URL(request.url()).pathname));
      await page.goto(url());
      const dialog = page.getByRole("dialog");
      await dialog.waitFor();
      assert.ok(asked.includes("/main.ts") && !asked.includes("/events"), asked.join(" "));
      assert.deepEqual(trouble, []);
      assert.equal(await page.locator("#process-rows tr").count(), 0);
      await page.getByRole("textbox", { name: "Token" }).fill("wrong-wrong-wrong");
      await page.keyboard.press("Enter");
      await page.locator("#token-error", { hasText: "that is not the token" }).waitFor();
      await page.getByRole("textbox", { name: "Token" }).fill("wrong-again");
      await page.keyboard.press("Enter");
      await page.locator("#token-error", { hasText: "not the first wrong one" }).waitFor();
      await page.getByRole("textbox", { name: "Token" }).fill(TOKEN);
      await page.keyboard.press("Enter");
      await page.locator("body[data-link=live]").waitFor();
      await page.reload();
      await page.locator("body[data-link=live]").waitFor();
      assert.equal(await page.getByRole("dialog").count(), 0, "it is kept for this tab");
      // Of the two that were wrong.
      trouble = trouble.filter((text) => !/401 \(Unauthorized\)|429 \(Too Many/.test(text));
    });

    test("where there is no token, it has no buttons", async () => {
      await server.stop();
      server = await start(0, null);
      await page.goto(url());
      await page.locator("body[data-link=live]").waitFor();
      await page.getByText("reload and scale need --dashboard-token").waitFor();
      assert.ok(await page.locator("#actions").isHidden());
    });

    test("says that the server is gone, and finds it again", async () => {
      await visit();
      await server.stop();
      await page.locator("#notice-text", { hasText: "No connection" }).waitFor();
      assert.match(await page.title(), /lost/);
      server = await start(Number(new URL(page.url()).port));
      await page.locator("body[data-link=live]").waitFor();
      await page.locator("#notice").waitFor({ state: "hidden" });
      trouble = trouble.filter((text) => !/net::ERR_/.test(text));
    });

    test("goes on over another portico that takes the sockets over", async () => {
      await server.stop();
      server = await start(await freePort());
      await visit();
      const shownPid = async (): Promise<number> =>
        Number(/PID (\d+)/.exec(await textOf("#summary"))?.[1]);
      const predecessor = await shownPid();
      server.signal("SIGUSR2");
      await until("another PID", async () => (await shownPid()) !== predecessor);
      await page.locator("body[data-link=live]").waitFor();
      const successor = await shownPid();
      await closePages();
      process.kill(successor, "SIGTERM");
      await server.ended;
      await until("nothing left", () => Promise.resolve(server.processes().length === 0));
      trouble = trouble.filter((text) => !/net::ERR_/.test(text));
    });

    test("is drawn in place: rows stay what they are, and the focus in them", async () => {
      await visit();
      await page.evaluate(() => {
        const kept = document.querySelector("tr[data-kind=worker] button");
        (kept as HTMLButtonElement | null)?.focus();
        Object.assign(globalThis, { kept });
      });
      const time = await textOf("#link-text");
      await until("another second", async () => (await textOf("#link-text")) !== time);
      assert.ok(
        await page.evaluate(() => {
          const { kept } = globalThis as unknown as { kept: Element };
          return kept.isConnected && document.activeElement === kept;
        }),
      );
    });

    test("fits a laptop and a phone, and can be read in light and dark", async () => {
      const stop = load();
      const hanging = fetch(`${server.origin}/hang`).catch(() => null);
      await fetch(`${server.origin}/broken`);
      await pause(CHARTED_MS);
      await stop();
      for (const [name, width, height] of SCREENS) {
        for (const colorScheme of ["light", "dark"] as const) {
          page = await openPage({ viewport: { width, height }, colorScheme, bypassCSP: true });
          await visit();
          await page.locator("#errors li").first().waitFor();
          await page.locator(".task", { hasText: "GET /hang" }).first().waitFor();
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(overflow <= width, `${overflow} px wide on a ${name}`);
          await assertAccessible(page);
          const file = path.join(PICTURES, `${name}-${colorScheme}.png`);
          await page.screenshot({ path: file, fullPage: true });
        }
      }
      await closePages();
      await server.stop();
      await hanging;
    });
  });

  describe("the live page of a server that is played, in a browser", () => {
    let browser: Browser;
    let observed: PlayedObserved;
    let dashboard: DashboardServer;
    let page: Page;

    const visit = async (token: string | null): Promise<void> => {
      dashboard = new DashboardServer(
        { observed, commands: new Map(), token, clock: realClock },
        NULL_LOG,
      );
      dashboard.server.listen(0, "127.0.0.1");
      await once(dashboard.server, "listening");
      const { port } = dashboard.server.address() as AddressInfo;
      await page.goto(`http://127.0.0.1:${port}/`);
    };

    before(async () => {
      browser = await launch(program);
    });
    after(() => browser.close());
    beforeEach(async () => {
      observed = new PlayedObserved(Date.now());
      page = await browser.newPage();
      page.setDefaultTimeout(SHOWN_WITHIN_MS);
    });
    afterEach(async () => {
      await page.close();
      dashboard.close();
    });

    test("with ten thousand connections it lists the busiest, and stays small", async () => {
      observed.openConnections = 10_000;
      await visit(null);
      await page.getByText("the 100 busiest of 10,000; 9,900 more are open").waitFor();
      assert.equal(await page.locator("#connection-rows tr").count(), 100);
      assert.ok((await page.locator("*").count()) < ELEMENTS_MAX);
      // A row of an application's bytes is text, whatever it says.
      await page.locator("#errors li", { hasText: 'ref=<b>"mail"</b>' }).first().waitFor();
    });

    test("in the background it costs the server nothing, and then it catches up", async () => {
      await visit(null);
      await page.locator("body[data-link=live]").waitFor();
      await showTab(page, false);
      await page.locator("body[data-link=paused]").waitFor();
      const deadline = performance.now() + SHOWN_WITHIN_MS;
      for (let asked = -1; asked !== observed.snapshots;) {
        assert.ok(performance.now() < deadline, "the server is still asked");
        asked = observed.snapshots;
        await pause(2_500);
      }
      observed.nowMs += AWAY_S * 1_000;
      await showTab(page, true);
      await page.locator("body[data-link=live]").waitFor();
      const chart = page.getByRole("slider");
      const readSecond = async (key: string): Promise<number> => {
        await page.keyboard.press(key);
        const text = (await chart.getAttribute("aria-valuetext")) ?? "";
        const [, hour, minute, second] = /^(\d+):(\d+):(\d+)/.exec(text) ?? [];
        return Number(hour) * 3_600 + Number(minute) * 60 + Number(second);
      };
      await chart.focus();
      const newest = await readSecond("End");
      for (let back = 1; back <= AWAY_S + 10; back++) {
        const second = await readSecond("ArrowLeft");
        assert.equal((newest - second + 86_400) % 86_400, back, "no second was left out");
      }
    });

    test("in the background a token is neither forgotten nor tried again", async () => {
      let streams = 0;
      page.on("request", (request) => {
        if (new URL(request.url()).pathname === "/events") streams++;
      });
      await visit(TOKEN);
      const field = page.getByRole("textbox", { name: "Token" });
      await field.fill("wrong-wrong-wrong");
      await page.keyboard.press("Enter");
      await page.locator("#token-error", { hasText: "that is not the token" }).waitFor();
      await field.fill(TOKEN.slice(0, 5));
      const streamsBefore = streams;
      for (const isShown of [false, true, false, true]) await showTab(page, isShown);
      await field.pressSequentially(TOKEN.slice(5));
      await page.keyboard.press("Enter");
      await page.locator("body[data-link=live]").waitFor();
      assert.equal(streams, streamsBefore + 1);
    });
  });
}

/** Playwright has all tabs believe that they are in front, so the page is told what a tab would. */
async function showTab(page: Page, isShown: boolean): Promise<void> {
  await page.evaluate((isHidden) => {
    const state = isHidden ? "hidden" : "visible";
    Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    document.dispatchEvent(new Event("visibilitychange"));
  }, !isShown);
}

/**
 * Nothing that axe finds wrong, in any of its rules: contrast, names, roles, landmarks, tables. The
 * tab has to be opened with `bypassCSP`: the page's policy lets nobody bring a script along.
 */
async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => axe.run());
  const found = violations.map(({ id, help, nodes }) => ({
    id,
    help,
    elements: nodes.map(({ html }) => html),
  }));
  assert.deepEqual(found, []);
}
