/**
 * Fetch Metadata and CORS with a real browser: what pages of the same site, of another origin and
 * of another site can do to a server with both policies.
 *
 * For a browser 127.0.0.1 at two ports is one site and two origins, and localhost is another site;
 * it sends Sec-Fetch-... to both, since they are this machine.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { findProgram, requireProgram } from "../system-programs.ts";
import { Browser, type Page } from "./browser.ts";
import { APPLICATIONS } from "./exercise.ts";
import { rawRequest } from "./raw-client.ts";
import { type ServerProcess, startPortico } from "./server-process.ts";

/** What a page gets of a fetch: the status and the field X-Other, or that it failed. */
const FETCH = `async (url, init) => {
  try {
    const response = await fetch(url, init);
    return [response.type, response.status, response.headers.get("X-Other"),
      response.headers.get("X-Own")].join(" ");
  } catch (error) {
    return error.name;
  }
}`;

/** Whether an image or a frame is loaded, by what a page of the server tells or does not. */
const SHOW_IMAGE = `(url) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => resolve("shown");
  image.onerror = () => resolve("not shown");
  image.src = url;
})`;
const SHOW_FRAME = `(url) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  onmessage = (event) => resolve(event.data);
  // The page's own message is sent while it is loaded, and so comes before.
  frame.onload = () => setTimeout(() => resolve("not shown"), 1000);
  frame.src = url;
  document.body.append(frame);
})`;
const SUBMIT = `(url) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "POST", action: url });
  document.body.append(form);
  form.submit();
}`;
/** A frame whose origin is opaque, and so is sent as null. */
const FETCH_AS_NULL = `(url) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.srcdoc = "<script>fetch(" + JSON.stringify(url) + ").then((r) => r.status, (e) => e.name)" +
    ".then((what) => parent.postMessage(what, '*'))</scr" + "ipt>";
  onmessage = (event) => resolve(event.data);
  document.body.append(frame);
})`;

const chromium =
  findProgram("chromium-browser") ?? findProgram("google-chrome") ?? requireProgram("chromium");
if (chromium !== null) {
  describe("edge policies and a browser", () => {
    /** Serves one empty page, to pages of which the browser gives other origins. */
    const pages = http.createServer((_request, response) => {
      response.setHeader("Content-Type", "text/html");
      response.end("<!doctype html><title>elsewhere</title>");
    });
    const browser = new Browser(chromium);
    let server: ServerProcess;
    let page: Page;
    let siblingOrigin: string;
    let strangerOrigin: string;

    const call = (script: string, ...args: readonly unknown[]): Promise<unknown> =>
      page.evaluate(`(${script})(...${JSON.stringify(args)})`);
    const fetched = (path: string, init: object = {}): Promise<unknown> =>
      call(FETCH, `${server.origin}${path}`, init);
    /** What reached the application since this was asked last, with its cookie. */
    const seen = async (): Promise<string[]> => {
      const { text } = await rawRequest(server.port, "GET /seen HTTP/1.1\r\nHost: a\r\n\r\n");
      return (JSON.parse(text) as string[][])
        .filter(([, path]) => path !== "/favicon.ico")
        .map((request) => request.join(" ").trimEnd());
    };
    /** The server has said it: what it writes comes by another way than its answers. */
    const told = (line: RegExp): Promise<void> =>
      server.until(`the line ${line}`, () => line.test(server.stderr));
    const bodyText = (): Promise<unknown> => page.evaluate("document.body.innerText");

    before(async () => {
      pages.listen(0, "127.0.0.1");
      await once(pages, "listening");
      const { port } = pages.address() as AddressInfo;
      siblingOrigin = `http://127.0.0.1:${port}`;
      strangerOrigin = `http://localhost:${port}`;
      server = await startPortico([
        `--chdir=${APPLICATIONS}`,
        "--workers=1",
        "--fetch-policy=enforce,/watched/=report",
        "--fetch-frames=/widget/",
        `--cors-origin=/api/=${siblingOrigin},/api/=${strangerOrigin},/open/=*`,
        "--cors-headers=x-token",
        "--cors-expose-headers=x-other",
        "--cors-credentials=/api/",
        "edges:app",
      ]);
      page = await browser.open();
    });
    after(async () => {
      await browser[Symbol.asyncDispose]();
      pages.closeAllConnections();
      pages.close();
      await server[Symbol.asyncDispose]();
    });

    describe("a page of another site", () => {
      beforeEach(async () => {
        await page.visit(strangerOrigin);
        await seen();
      });

      test("reads what CORS lets it read, and the fields that are exposed", async () => {
        assert.equal(await fetched("/api/x"), "cors 200 yes ");
        assert.equal(await fetched("/open/x"), "cors 200 yes ");
        assert.equal(await fetched("/api/raises"), "cors 500  ");
        assert.deepEqual(await seen(), ["GET /api/x", "GET /open/x", "GET /api/raises"]);
      });

      test("reads nothing else, and the application does not see it", async () => {
        assert.equal(await fetched("/x"), "TypeError");
        assert.equal(await fetched("/x", { mode: "no-cors" }), "opaque 0  ");
        assert.equal(await fetched("/api/x", { mode: "no-cors", method: "POST" }), "opaque 0  ");
        assert.deepEqual(await seen(), []);
        await told(/refused method=GET path=\/x site=cross-site mode=no-cors/);
      });

      test("sends a preflight, which does not reach the application", async () => {
        const put = { method: "PUT", body: "hi" };
        assert.equal(
          await fetched("/api/x", { ...put, headers: { "X-Token": "1" } }),
          "cors 200 yes ",
        );
        assert.deepEqual(await seen(), ["PUT /api/x"]);
        const others = [
          { headers: { "X-Unheard": "1" } },
          { method: "PURGE" },
          { method: "patch" },
        ];
        for (const other of others) {
          assert.equal(await fetched("/api/x", { ...put, ...other }), "TypeError");
        }
        assert.equal(await fetched("/x", put), "TypeError");
        assert.deepEqual(await seen(), []);
      });

      test("has no origin in a sandbox, which only * allows", async () => {
        assert.equal(await call(FETCH_AS_NULL, `${server.origin}/open/x`), 200);
        assert.equal(await call(FETCH_AS_NULL, `${server.origin}/api/x`), "TypeError");
        assert.deepEqual(await seen(), ["GET /open/x"]);
      });

      test("shows an image only where it may", async () => {
        assert.equal(await call(SHOW_IMAGE, `${server.origin}/image`), "not shown");
        assert.deepEqual(await seen(), []);
        assert.equal(await call(SHOW_IMAGE, `${server.origin}/watched/image`), "shown");
        assert.deepEqual(await seen(), ["GET /watched/image"]);
        await told(/would refuse .* path=\/watched\/image .* dest=image/);
      });

      test("shows a frame only where it may", async () => {
        assert.equal(await call(SHOW_FRAME, `${server.origin}/frame`), "not shown");
        assert.deepEqual(await seen(), []);
        assert.equal(await call(SHOW_FRAME, `${server.origin}/widget/frame`), "shown");
        assert.equal(await call(SHOW_FRAME, `${server.origin}/watched/frame`), "shown");
        assert.deepEqual(await seen(), ["GET /widget/frame", "GET /watched/frame"]);
        await told(/would refuse .* path=\/watched\/frame .* dest=iframe/);
      });

      test("posts a form only where it may", async () => {
        const submit = (path: string): Promise<void> =>
          page.leave(`(${SUBMIT})(${JSON.stringify(`${server.origin}${path}`)})`);
        await submit("/x");
        assert.match(String(await bodyText()), /^403 Forbidden/);
        assert.deepEqual(await seen(), []);
        await page.visit(strangerOrigin);
        await submit("/watched/x");
        assert.deepEqual(await seen(), ["POST /watched/x"]);
        await told(/would refuse .* method=POST path=\/watched\/x .*=navigate/);
      });

      test("links to the site, by whatever script", async () => {
        await page.leave(`location.href = ${JSON.stringify(`${server.origin}/x`)}`);
        assert.equal(await page.evaluate("document.title"), "page");
        assert.deepEqual(await seen(), ["GET /x"]);
      });

      test("does not get past a path by another spelling", async () => {
        for (const path of ["/watched/..%2fimage", "/watched/%252e%252e/image", "/Watched/image"]) {
          assert.equal(await call(SHOW_IMAGE, `${server.origin}${path}`), "not shown", path);
        }
        assert.deepEqual(await seen(), []);
      });
    });

    test("a page of the site's other origin acts with cookies where it may", async () => {
      await page.visit(siblingOrigin);
      await seen();
      const include = { credentials: "include" };
      assert.equal(await fetched("/api/login", include), "cors 200 yes ");
      assert.equal(await fetched("/api/x", { ...include, method: "PUT" }), "cors 200 yes ");
      assert.equal(await fetched("/api/x"), "cors 200 yes ");
      // It is of the same site, so that it may ask; but * is not for those who come with cookies.
      assert.equal(await fetched("/open/x", include), "TypeError");
      assert.deepEqual(await seen(), [
        "GET /api/login",
        "PUT /api/x session=1",
        "GET /api/x",
        "GET /open/x session=1",
      ]);
    });

    test("a page of the server's own does as it likes", async () => {
      await page.visit(`${server.origin}/page`);
      await seen();
      assert.equal(await fetched("/x", { method: "POST", body: "hi" }), "basic 200 yes yes");
      assert.equal(await call(SHOW_IMAGE, `${server.origin}/image`), "shown");
      assert.equal(await call(SHOW_FRAME, `${server.origin}/frame`), "shown");
      assert.equal((await seen()).length, 3);
    });
  });
}
