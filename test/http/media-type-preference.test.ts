import assert from "node:assert/strict";
import { test } from "node:test";

import { preferredMediaType } from "../../src/http/media-type-preference.ts";

const OFFERED = ["text/plain", "text/html", "application/json"] as const;
const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

for (const [accept, expected] of [
  [null, "text/plain"],
  ["", "text/plain"],
  ["*/*", "text/plain"],
  [BROWSER, "text/html"],
  ["TEXT/HTML", "text/html"],
  ["text/*", "text/plain"],
  ["text/*, text/plain;q=0.5", "text/html"],
  ["text/plain;q=0, */*", "text/html"],
  ["application/json, text/html;q=0.9", "application/json"],
  ["text/html ; q=0.2 , application/*;q=0.3", "application/json"],
  ["text/html;level=1, application/json;q=0.1", "application/json"],
  ["text/html;q=2, application/json;q=0.1", "application/json"],
  ["image/png", null],
  ["text/html;q=0", null],
  ["nonsense, /, text/, a/b/c", null],
] as const) {
  test(`Accept: ${accept} prefers ${expected}`, () => {
    assert.equal(preferredMediaType(accept, OFFERED), expected);
  });
}

test("a field of any length is read to a bound", () => {
  const accept = `${"a/b, ".repeat(100)}text/html`;
  assert.equal(preferredMediaType(accept, OFFERED), null);
});
