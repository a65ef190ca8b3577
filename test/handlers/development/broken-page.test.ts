import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import {
  type BrokenCode,
  brokenPage,
  type BrokenPageRequest,
} from "../../../src/handlers/development/broken-page.ts";

const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const BROKEN: BrokenCode = {
  reference: "app:create_app()",
  folder: "/site",
  why: "app could not be imported: ValueError: <b>&",
  traceback: `Traceback (most recent call last):
  File "/site/app.py", line 3, in <module>
    raise ValueError("<b>&")
  File "/usr/lib/python3.12/json/__init__.py", line 9, in <lambda>
    </pre><script>alert(1)</script>
ValueError: <b>&
`,
};

function asked(accept: string | null, method = "GET"): BrokenPageRequest {
  return { method, accept, reloadPath: "/x/.portico/reload", since: "r1-2" };
}

function html(broken: BrokenCode, request = asked(BROWSER)): { fields: string; text: string } {
  const { fields, content } = brokenPage(broken, "text", request);
  return { fields, text: content.toString() };
}

test("a browser gets a page: the exception, where it was raised, and the frames", () => {
  const { fields, text } = html(BROKEN);
  assert.match(fields, /^Content-Type: text\/html; charset=utf-8\r\n/);
  assert.match(fields, /\r\nCache-Control: no-store\r\n/);
  assert.match(text, /<h1>ValueError: &lt;b&gt;&amp;<\/h1>/);
  assert.match(text, /<code>app:create_app\(\)<\/code> does not load/);
  assert.match(text, /<p>in <code>app\.py<\/code>, line <strong>3<\/strong><\/p>/);
  assert.match(text, /<li class="own"><p><code>app\.py<\/code>, line 3, in <code>&lt;module&gt;</);
  assert.match(text, /<li class="other"><p><code>\/usr\/lib\/python3\.12\/json\/__init__\.py</);
});

test("nothing of the code can break out of the page", () => {
  const hostile = `"><script>alert(1)</script>'&`;
  const { text } = html(
    { reference: hostile, folder: hostile, why: hostile, traceback: `${BROKEN.traceback}` },
    { method: hostile, accept: BROWSER, reloadPath: hostile, since: hostile },
  );
  assert.equal(text.match(/<script>/g)?.length, 1);
  assert.equal(text.match(/<\/pre>/g)?.length, 3);
  assert.ok(!text.includes("alert(1)</script>"));
});

test("the policy lets the page's own style and script run, and nothing else", () => {
  const { fields, text } = html(BROKEN);
  const policy = /\r\nContent-Security-Policy: (.*)\r\n/.exec(fields)?.[1] ?? "";
  assert.match(policy, /^default-src 'none'; /);
  assert.ok(!policy.includes("unsafe"));
  for (const name of ["style", "script"]) {
    const inline = new RegExp(`<${name}>([^]*)</${name}>`).exec(text)?.[1] ?? "";
    assert.ok(inline.length > 100);
    const hash = createHash("sha256").update(inline).digest("base64");
    assert.ok(policy.includes(`${name}-src 'sha256-${hash}'`), name);
  }
  assert.ok(!/\b(?:src|href)="(?!data:)/.test(text), "it needs nothing from elsewhere");
});

test("what the script needs to know stands in the page", () => {
  const { text } = html(BROKEN, asked(BROWSER, "POST"));
  assert.match(text, /data-path="\/x\/\.portico\/reload" data-since="r1-2" data-method="POST"/);
  assert.match(text, /<noscript><meta http-equiv="refresh" content="2"><\/noscript>/);
});

test("without a traceback the page says why", () => {
  const { text } = html({ ...BROKEN, traceback: null, why: "no module named 'app'" });
  assert.match(text, /<h1>no module named &#39;app&#39;<\/h1>/);
  assert.ok(!text.includes("<ol>") && !text.includes("<details>"));
});

test("a traceback of any length makes a page of bounded length", () => {
  const frame = `  File "/site/app.py", line 3, in f\n    f()\n`;
  const error = `E: ${"x".repeat(9000)}`;
  const traceback = `Traceback (most recent call last):\n${frame.repeat(3000)}${error}`;
  const { text } = html({ ...BROKEN, traceback });
  assert.equal(text.match(/<li class="own">/g)?.length, 99);
  assert.match(text, /<li class="remark">2901 more, see the plain text below<\/li>/);
  assert.match(text, /<h1>E: x{997}\.\.\.<\/h1>/);
});

for (const [format, accept, contentType] of [
  ["text", null, "text/plain; charset=utf-8"],
  ["text", "*/*", "text/plain; charset=utf-8"],
  ["text", "image/png", "text/plain; charset=utf-8"],
  ["text", "application/json", "application/problem+json"],
  ["text", BROWSER, "text/html; charset=utf-8"],
  ["json", "*/*", "application/problem+json"],
  ["json", "image/png", "application/problem+json"],
  ["json", BROWSER, "text/html; charset=utf-8"],
] as const) {
  test(`--error-format ${format} and Accept: ${accept} give ${contentType}`, () => {
    const { fields } = brokenPage(BROKEN, format, asked(accept));
    assert.ok(fields.startsWith(`Content-Type: ${contentType}\r\n`));
  });
}

test("plain text and JSON hold the traceback as it is", () => {
  const plain = brokenPage(BROKEN, "text", asked(null)).content.toString();
  assert.equal(
    plain,
    `app:create_app() does not load.\n\n${BROKEN.why}\n\n${BROKEN.traceback?.trimEnd()}\n`,
  );
  const problem = JSON.parse(brokenPage(BROKEN, "json", asked(null)).content.toString());
  assert.deepEqual(problem, {
    status: 500,
    title: "the code does not load",
    detail: BROKEN.why,
    traceback: BROKEN.traceback,
  });
});
