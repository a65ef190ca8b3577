/** The live page of several gateways, in a real browser. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Page } from "playwright-core";
import { APPLICATIONS, get } from "../end-to-end/exercise.ts";
import { RawClient } from "../end-to-end/raw-client.ts";
import { PROJECT_FOLDER, startPortico } from "../end-to-end/server-process.ts";
import { chromiumProgram, launch, SHOWN_WITHIN_MS } from "./chromium.ts";

const TOKEN = "0123456789abcdef0123";
const PICTURE = path.join(PROJECT_FOLDER, ".screenshots", "gateways.png");
const WIDTHS_PX = [1280, 390, 320];
const ARGS = ["--gateways=2", "--workers=2", "--control-socket=off", "--watch-window=off"];
const OBSERVED = ["--dashboard", "127.0.0.1:0", "--chdir", APPLICATIONS, "observed:app"];

/** PIDs of the gateways, as they are shown. */
function gatewayPids(page: Page): Promise<number[]> {
  return page
    .locator("#process-rows tr[data-kind=gateway]")
    .evaluateAll((rows) => rows.map((row) => Number(row.dataset["pid"])));
}

const program = chromiumProgram();

if (program !== null) {
  test("they are one tree, a reload is one mark, and one that is killed is replaced", async () => {
    await using server = await startPortico([...ARGS, ...OBSERVED], {
      env: { PORTICO_DASHBOARD_TOKEN: TOKEN },
    });
    await using browser = await launch(program);
    const page = await browser.newPage();
    page.setDefaultTimeout(SHOWN_WITHIN_MS);
    const trouble: string[] = [];
    page.on("pageerror", (error) => trouble.push(String(error)));
    const [, url = ""] = /dashboard +(http:\S+)/.exec(server.stdout) ?? [];
    await page.goto(`${url}#token=${TOKEN}`);
    await page.locator("tr[data-kind=leader]", { hasText: String(server.pid) }).waitFor();
    await page.locator("#summary", { hasText: "2 gateways" }).waitFor();
    await page.locator("#listener-rows td", { hasText: "gateway 1" }).waitFor();
    using client = await RawClient.connect(server.port);
    await client.exchange(get("/"));
    await page.locator("#connection-rows td", { hasText: /gateway [01]/ }).waitFor();
    for (const width of WIDTHS_PX) {
      await page.setViewportSize({ width, height: 800 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(overflow <= width, `${overflow} px of ${width}`);
    }
    // There are as many workers as gateways.
    assert.ok(await page.getByRole("button", { name: "One worker fewer" }).isDisabled());
    await page.getByRole("button", { name: "Reload" }).click();
    await page.locator("#notice-text", { hasText: "Generation 2 serves." }).waitFor();
    await page.locator("#charts [data-kind=reload]").waitFor();
    assert.equal(await page.locator("#charts [data-kind=reload]").count(), 1);
    const [killed = 0, kept = 0] = await gatewayPids(page);
    process.kill(killed, "SIGKILL");
    await page.locator("#marks li", { hasText: `gateway 0 (PID ${killed}) was` }).waitFor();
    await page.locator("#charts [data-kind=gateway-lost]").waitFor();
    const deadline = performance.now() + SHOWN_WITHIN_MS;
    for (;;) {
      const [first, second] = await gatewayPids(page);
      if (first !== killed && second === kept) break;
      assert.ok(performance.now() < deadline, `no other gateway is shown\n${server.output}`);
      await pause(100);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.screenshot({ path: PICTURE, fullPage: true });
    assert.deepEqual(trouble, []);
  });
}
