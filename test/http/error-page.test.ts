import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { ErrorPages } from "../../src/http/error-page.ts";

test("text: the status, and a sentence where there is one", () => {
  const pages = new ErrorPages("text", null);
  const { contentType, content } = pages.page(431, null);
  assert.equal(contentType, "text/plain; charset=utf-8");
  assert.equal(content.toString(), "431 Request Header Fields Too Large\n");
  assert.equal(
    pages.page(503, "Come again.").content.toString(),
    "503 Service Unavailable\nCome again.\n",
  );
});

test("json: problem details (RFC 9457)", () => {
  const pages = new ErrorPages("json", null);
  const { contentType, content } = pages.page(400, 'a "quoted" word');
  assert.equal(contentType, "application/problem+json");
  assert.deepEqual(JSON.parse(content.toString()), {
    status: 400,
    title: "Bad Request",
    detail: 'a "quoted" word',
  });
  assert.deepEqual(JSON.parse(pages.page(404, null).content.toString()), {
    status: 404,
    title: "Not Found",
  });
});

test("a request that can be found again: its id is in each kind of page", () => {
  const page = (pages: ErrorPages): string => pages.page(502, null, "id-1").content.toString();
  assert.equal(page(new ErrorPages("text", null)), "502 Bad Gateway\nRequest ID: id-1\n");
  assert.deepEqual(JSON.parse(page(new ErrorPages("json", null))), {
    status: 502,
    title: "Bad Gateway",
    requestId: "id-1",
  });
  const template = { contentType: "text/html", text: "<p>{request-id} {status}" };
  assert.equal(page(new ErrorPages("text", template)), "<p>id-1 502");
  assert.equal(new ErrorPages("text", template).page(502, null).content.toString(), "<p> 502");
});

test("a page of the operator's: each placeholder is replaced, in HTML escaped", () => {
  const text = "<h1>{status} {reason}</h1><p>{detail} {status} {other}";
  const pages = new ErrorPages("json", { contentType: "text/html; charset=utf-8", text });
  const { contentType, content } = pages.page(400, "<b>&\"'");
  assert.equal(contentType, "text/html; charset=utf-8");
  assert.equal(
    content.toString(),
    "<h1>400 Bad Request</h1><p>&lt;b&gt;&amp;&quot;&#39; 400 {other}",
  );
  assert.equal(pages.page(404, null).content.toString(), "<h1>404 Not Found</h1><p> 404 {other}");
});

test("property: a JSON page stays JSON, and a detail cannot name a placeholder", () => {
  const text = '{"code": {status}, "why": "{detail}"}';
  const pages = new ErrorPages("text", { contentType: "application/json", text });
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (detail) => {
      const { content } = pages.page(418, detail);
      assert.deepEqual(JSON.parse(content.toString()), { code: 418, why: detail.toWellFormed() });
    }),
  );
  assert.match(pages.page(418, "{status}").content.toString(), /"why": "\{status\}"/);
});
