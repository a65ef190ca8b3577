import assert from "node:assert/strict";
import { test } from "node:test";

import { RefusedContradictions } from "../../src/handlers/contradictory-provenance.ts";
import { PROVENANCE, requestHead } from "./request-head.ts";

test("a request whose origin is contradictory is answered 400, and says what to do", () => {
  const rule = new RefusedContradictions();
  const head = requestHead("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(rule.admit(head, PROVENANCE), null);
  const answer = rule.admit(head, { ...PROVENANCE, contradictory: true })?.answer;
  assert.equal(answer?.status, 400);
  assert.match(answer?.detail ?? "", /--forwarded-fields/);
});
