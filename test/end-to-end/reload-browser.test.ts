/**
 * The page that `--reload` shows while the code does not load, in a real browser: it appears, can
 * be read, and goes away by itself.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../bench/free-port.ts";
import { ProjectFolder } from "../server/development/project-folder.ts";
import { findProgram, requireProgram } from "../system-programs.ts";
import { Browser, type Page } from "./browser.ts";
import { type ServerProcess, startPortico } from "./server-process.ts";

/** The page that waits asks again within a second; this is for a machine that is busy. */
const SHOWN_WITHIN_MS = 20_000;
const POLL_INTERVAL_MS = 50;

const APPLICATION = `
import part
posts = 0
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [f"<title>site</title>{environ['REQUEST_METHOD']} {part.TEXT}".encode()]
`;
const POST = `(() => {
  const form = document.createElement("form");
  Object.assign(form, { method: "POST", action: "/posted?a=1" });
  document.body.append(form);
  form.submit();
})()`;
/** Keeps what goes wrong in a page, over all the pages that follow it. */
const KEEP_TROUBLE = `(() => {
  const keep = (what) => {
    sessionStorage.setItem("trouble", (sessionStorage.getItem("trouble") ?? "") + what + "\\n");
  };
  addEventListener("error", (event) => keep("error: " + event.message));
  addEventListener("unhandledrejection", (event) => keep("rejection: " + event.reason));
  document.addEventListener("securitypolicyviolation", (event) => {
    keep("violation: " + event.violatedDirective + " " + event.blockedURI);
  });
  for (const name of ["error", "warn"]) console[name] = (...args) => keep(args.join(" "));
})()`;

const chromium =
  findProgram("chromium-browser") ?? findProgram("google-chrome") ?? requireProgram("chromium");
if (chromium !== null) {
  describe("the page of code that does not load, in a browser", () => {
    const browser = new Browser(chromium);
    let project: ProjectFolder;
    let server: ServerProcess;
    let page: Page;

    const start = (port = 0): Promise<ServerProcess> =>
      startPortico(["--bind", `127.0.0.1:${port}`, "--reload", "--chdir", project.path, "app:app"]);
    const bodyText = async (): Promise<string> =>
      String(await page.evaluate("document.body?.innerText ?? ''"));
    /** Waits until the page says so, however it comes to it. */
    const untilShown = async (text: RegExp): Promise<void> => {
      const deadline = performance.now() + SHOWN_WITHIN_MS;
      let shown = "";
      while (!text.test(shown)) {
        assert.ok(
          performance.now() < deadline,
          `${text}, but shown is: ${shown}\n${server.output}`,
        );
        await pause(POLL_INTERVAL_MS);
        // Between two pages there is none to ask.
        shown = await bodyText().catch(() => "");
      }
    };
    const breakCode = async (): Promise<void> => {
      project.write("part.py", "TEXT = (");
      await server.until("the traceback", () => /does not load/.test(server.stderr));
    };
    const colours = (): Promise<unknown> =>
      page.evaluate(
        "Object.values(getComputedStyle(document.body, null)).length && " +
          "getComputedStyle(document.body).backgroundColor",
      );

    before(() => browser.send("Browser.getVersion"));
    after(() => browser[Symbol.asyncDispose]());
    beforeEach(async () => {
      project = new ProjectFolder();
      project.write("app.py", APPLICATION);
      project.write("part.py", "TEXT = 'one'");
      server = await start();
      page = await browser.open();
      await page.send("Page.addScriptToEvaluateOnNewDocument", { source: KEEP_TROUBLE });
    });
    afterEach(async () => {
      const trouble = await page.evaluate("sessionStorage.getItem('trouble')").catch(() => null);
      await page[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      project[Symbol.dispose]();
      assert.equal(trouble, null);
    });

    test("appears, follows the code, and goes away by itself", async () => {
      await page.visit(`${server.origin}/`);
      assert.equal(await bodyText(), "GET one");
      await breakCode();
      await page.visit(`${server.origin}/`);
      assert.match(await bodyText(), /app:app does not load\n+SyntaxError: /);
      assert.match(await bodyText(), /in part\.py, line 1/);
      project.write("part.py", "raise ValueError('another')");
      await untilShown(/ValueError: another/);
      project.write("part.py", "TEXT = 'two'");
      await untilShown(/^GET two$/);
    });

    test("can be read, also on a phone and in the dark", async () => {
      await breakCode();
      await page.visit(`${server.origin}/`);
      assert.equal(await colours(), "rgb(251, 250, 248)");
      const heading = "parseFloat(getComputedStyle(document.querySelector('h1')).fontSize)";
      assert.ok(Number(await page.evaluate(heading)) > 20);
      const features = [{ name: "prefers-color-scheme", value: "dark" }];
      await page.send("Emulation.setEmulatedMedia", { features });
      assert.equal(await colours(), "rgb(25, 24, 23)");
      const phone = { width: 320, height: 640, deviceScaleFactor: 2, mobile: true };
      await page.send("Emulation.setDeviceMetricsOverride", phone);
      assert.ok(Number(await page.evaluate("document.documentElement.scrollWidth")) <= 320);
    });

    test("in place of a form's answer: the form is not sent again", async () => {
      await page.visit(`${server.origin}/`);
      await breakCode();
      await page.leave(POST);
      assert.match(await bodyText(), /SyntaxError: /);
      project.write("part.py", "TEXT = 'two'");
      await untilShown(/^GET two$/);
      assert.equal(await page.evaluate("location.pathname + location.search"), "/posted?a=1");
    });

    test("goes away without scripts, too", async () => {
      await page.send("Emulation.setScriptExecutionDisabled", { value: true });
      await breakCode();
      await page.visit(`${server.origin}/`);
      assert.match(await bodyText(), /SyntaxError: /);
      project.write("part.py", "TEXT = 'two'");
      await untilShown(/^GET two$/);
    });

    test("goes away when the server was stopped and is started again", async () => {
      await server.stop();
      const port = await freePort();
      project.write("part.py", "TEXT = (");
      server = await start(port);
      await page.visit(`${server.origin}/`);
      assert.match(await bodyText(), /This page goes away by itself/);
      await server.stop();
      await untilShown(/The server does not answer\. Waiting for it\./);
      project.write("part.py", "TEXT = 'two'");
      server = await start(port);
      await untilShown(/^GET two$/);
    });
  });
}
