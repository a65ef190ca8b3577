/**
 * Real sites driven by a real HTTP client, Node's `fetch`: forms, uploads, JSON, sessions,
 * redirects, streams, errors.
 *
 * The same is asked under gunicorn, which shows that it is asked rightly.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { CookieJar } from "./raw-client.ts";
import type { ServerProcess } from "./server-process.ts";
import { PORTICO_SERVERS, type Site, type SiteServer, SITES, startSite } from "./sites.ts";

const UPLOAD_BYTES = 2 * 1024 * 1024;
const CONCURRENT_REQUESTS = 24;
/**
 * A site's stream takes 600 ms to make; this much later, at least, its last line comes than its
 * first.
 */
const STREAM_SPREAD_MIN_MS = 300;

/** A browser as far as these tests need one: it keeps cookies, and fills in the token of a form. */
class Browser {
  readonly #origin: string;
  readonly #jar = new CookieJar();

  constructor(origin: string) {
    this.#origin = origin;
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#jar.fieldValue !== "") headers.set("Cookie", this.#jar.fieldValue);
    const response = await fetch(this.#origin + path, { redirect: "manual", ...init, headers });
    this.#jar.take(response.headers.getSetCookie());
    return response;
  }

  /** Opens the page and sends its form, with the hidden fields that it holds. */
  async sendForm(
    page: string,
    fields: Readonly<Record<string, string | Blob>>,
    action = page,
  ): Promise<Response> {
    const text = await (await this.fetch(page)).text();
    const hidden = [...text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]+)">/g)];
    const entries: [string, string | Blob][] = [
      ...hidden.map(([, name = "", value = ""]): [string, string] => [name, value]),
      ...Object.entries(fields),
    ];
    const hasFile = entries.some(([, value]) => value instanceof Blob);
    const body = hasFile ? new FormData() : new URLSearchParams();
    for (const [name, value] of entries) body.append(name, value as string);
    return await this.fetch(action, { method: "POST", body });
  }
}

/** Path of a Location field, which some frameworks write as a whole URL. */
function locationPath(response: Response): string {
  return new URL(response.headers.get("location") ?? "", response.url).pathname;
}

function testPages(site: Site, origin: () => string): void {
  test("a page, and HEAD of it", async () => {
    const page = await fetch(`${origin()}/`);
    assert.equal(page.status, 200);
    const text = await page.text();
    assert.match(text, new RegExp(`made with ${site.framework}`));
    const head = await fetch(`${origin()}/`, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), String(Buffer.byteLength(text)));
    assert.equal(await head.text(), "");
  });

  test("a redirect is followed", async () => {
    const response = await fetch(`${origin()}/old`);
    assert(response.redirected);
    assert.equal(response.url, `${origin()}/`);
    assert.equal(response.status, 200);
  });

  test("names beyond ASCII, and an escaped slash, in the path", async () => {
    for (const name of ["Jürgen", "世界", "a/b", "50% + 1", "~!*'()"]) {
      const response = await fetch(`${origin()}/hällo/${encodeURIComponent(name)}`);
      assert.equal(await response.text(), `Hällo, ${name}!\n`);
    }
  });

  test("a stream's first line arrives before its last is made", async () => {
    const response = await fetch(`${origin()}/stream`);
    assert(response.body);
    const arrivals: number[] = [];
    let text = "";
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      arrivals.push(performance.now());
      text += piece;
    }
    assert.equal(text, "line 1\nline 2\nline 3\nline 4\n");
    const spread = (arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0);
    assert(spread >= STREAM_SPREAD_MIN_MS, `all of it within ${spread} ms`);
  });

  test("a download is whole", async () => {
    const response = await fetch(`${origin()}/files/tides.csv`);
    assert.match(response.headers.get("content-disposition") ?? "", /attachment.*tides\.csv/);
    const lines = (await response.text()).trimEnd().split("\n");
    assert.equal(lines.length, 225);
    assert.equal(lines[0], "day,hour,harbour,height_m");
  });

  test("a page that is missing, and a view that fails", async () => {
    const missing = await fetch(`${origin()}/nowhere`);
    assert.equal(missing.status, 404);
    assert.match(await missing.text(), /There is no page here/);
    const failed = await fetch(`${origin()}/raise`);
    assert.equal(failed.status, 500);
    const text = await failed.text();
    assert.notEqual(text, "");
    assert.doesNotMatch(text, /RuntimeError|this view always fails|Traceback/);
  });

  test("many requests at once each get their own answer", async () => {
    const names = Array.from({ length: CONCURRENT_REQUESTS }, (_, index) => `visitor ${index}`);
    const answers = names.map(async (name) => (await fetch(`${origin()}/hällo/${name}`)).text());
    assert.deepEqual(
      await Promise.all(answers),
      names.map((name) => `Hällo, ${name}!\n`),
    );
  });
}

function testForms(origin: () => string): void {
  test("a form with mistakes is shown again; one without is followed by a redirect", async () => {
    const browser = new Browser(origin());
    const refused = await browser.sendForm("/contact", {
      name: "Zoë",
      email: "zoe",
      message: "Hi",
    });
    assert.equal(refused.status, 422);
    const shownAgain = await refused.text();
    assert.match(shownAgain, /This is not an e-mail address\./);
    assert.match(shownAgain, /value="Zoë"/);
    const taken = await browser.sendForm("/contact", {
      name: "Zoë <i>",
      email: "zoe@example.org",
      message: "Grüße",
    });
    assert.equal(taken.status, 302);
    assert.equal(locationPath(taken), "/contact");
    assert.match(await (await browser.fetch("/contact")).text(), /Thank you, Zoë &lt;i&gt;!/);
    assert.doesNotMatch(await (await browser.fetch("/contact")).text(), /Thank you/);
  });

  test("an upload of 2 MiB arrives byte by byte as it was sent", async () => {
    const content = randomBytes(UPLOAD_BYTES);
    const response = await new Browser(origin()).sendForm("/upload", {
      file: new File([content], "Grüße.bin", { type: "application/octet-stream" }),
    });
    assert.equal(response.status, 200);
    const text = await response.text();
    assert.match(text, /<dd>Grüße\.bin<\/dd>/);
    assert.match(text, new RegExp(`<dd>${UPLOAD_BYTES} bytes</dd>`));
    assert.match(text, new RegExp(createHash("sha256").update(content).digest("hex")));
  });

  test("a session begins, counts, and ends", async () => {
    const browser = new Browser(origin());
    assert.equal(locationPath(await browser.fetch("/account")), "/login");
    const wrong = await browser.sendForm("/login", { name: "ada", password: "byron" });
    assert.equal(wrong.status, 403);
    const right = await browser.sendForm("/login", { name: "ada", password: "lovelace" });
    assert.equal(locationPath(right), "/account");
    for (const views of [1, 2, 3]) {
      const text = await (await browser.fetch("/account")).text();
      assert.match(text, new RegExp(`Logged in as ada. Views of this page since: ${views}\\.`));
    }
    const out = await browser.sendForm("/account", {}, "/logout");
    assert.equal(locationPath(out), "/");
    assert.equal(locationPath(await browser.fetch("/account")), "/login");
  });
}

function testJson(origin: () => string, server: SiteServer): void {
  const text = "drei kurze Wörter 世界 🌊";
  const counted = { text, characters: Array.from(text).length, words: 5 };
  const headers = { "Content-Type": "application/json" };

  test("JSON out, for a query and for JSON in", async () => {
    const byQuery = await fetch(
      `${origin()}/api/words?${new URLSearchParams({ text }).toString()}`,
    );
    assert.match(byQuery.headers.get("content-type") ?? "", /^application\/json/);
    assert.deepEqual(await byQuery.json(), counted);
    const body = JSON.stringify({ text });
    const byContent = await fetch(`${origin()}/api/words`, { method: "POST", headers, body });
    assert.deepEqual(await byContent.json(), counted);
    const refused = await fetch(`${origin()}/api/words`, { method: "POST", headers, body: "[" });
    assert.equal(refused.status, 400);
    assert.ok("error" in ((await refused.json()) as object));
  });

  // Under gunicorn, content without a length does not reach Django: it reads CONTENT_LENGTH bytes.
  if (server === "gunicorn") return;
  test("JSON that comes in chunks reaches the framework", async () => {
    const body = new Blob([JSON.stringify({ text })]).stream();
    const response = await fetch(`${origin()}/api/words`, {
      method: "POST",
      headers,
      body,
      duplex: "half",
    });
    assert.deepEqual(await response.json(), counted);
  });
}

for (const site of SITES) {
  for (const server of ["gunicorn", ...PORTICO_SERVERS] as const) {
    const title = server === "gunicorn" ? "under gunicorn" : `under Portico by ${server}`;
    describe(`${site.framework} ${title}`, () => {
      let running: ServerProcess;

      before(async () => {
        running = await startSite(site, server);
      });
      after(() => running?.stop());

      testPages(site, () => running.origin);
      testForms(() => running.origin);
      testJson(() => running.origin, server);
    });
  }
}
