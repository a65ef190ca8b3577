import assert from "node:assert/strict";
import { STATUS_CODES } from "node:http";
import { test } from "node:test";
import { isBodyless, isInterim, REASON_PHRASES } from "../../src/http/status.ts";

test("RFC 9110 section 15: the phrases that the RFC changed", () => {
  assert.equal(REASON_PHRASES[413], "Content Too Large");
  assert.equal(REASON_PHRASES[422], "Unprocessable Content");
});

test("every status that node:http knows has a phrase, but for those nobody registered", () => {
  const unregistered = new Set(["418", "509", "510"]);
  const missing = Object.keys(STATUS_CODES).filter((status) => !(status in REASON_PHRASES));
  assert.deepEqual(
    missing.filter((status) => !unregistered.has(status)),
    [],
  );
});

test("RFC 9112 section 6.3: 1xx, 204 and 304 have no content; 205 and the others may", () => {
  const bodyless = Array.from({ length: 500 }, (_, index) => index + 100).filter(isBodyless);
  assert.deepEqual(bodyless.slice(-3), [199, 204, 304]);
  assert.equal(bodyless.length, 102);
  assert.ok(isInterim(103) && !isInterim(200));
});
