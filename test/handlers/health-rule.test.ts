import assert from "node:assert/strict";
import { test } from "node:test";

import type { GatewayAnswer } from "../../src/handlers/admission.ts";
import { HealthRule } from "../../src/handlers/health-rule.ts";
import { requestHead } from "./request-head.ts";

const PATHS = { livez: "/livez", readyz: "/readyz" };

/** What is answered to the target, as it stands in the request line. */
function answerTo(rule: HealthRule, target: string, method = "GET"): GatewayAnswer | null {
  return rule.admit(requestHead(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`))?.answer ?? null;
}

test("the two paths are answered, whatever the query or the form, and no other", () => {
  const rule = new HealthRule(PATHS, () => null);
  for (const target of ["/livez", "/readyz", "/readyz?x=1", "http://other.example/livez"]) {
    const answer = answerTo(rule, target);
    assert.equal(answer?.status, 200, target);
    assert.equal(answer.content?.toString(), "ok\n");
    assert.match(answer.fields, /^Cache-Control: no-store\r\n/m);
  }
  for (const target of ["/", "/livez/", "/Livez", "/live%7A", "//livez", "/a?/livez", "*"]) {
    assert.equal(answerTo(rule, target, target === "*" ? "OPTIONS" : "GET"), null, target);
  }
});

test("one that has no path is not there", () => {
  assert.equal(answerTo(new HealthRule({ ...PATHS, livez: null }, () => null), "/livez"), null);
  assert.equal(answerTo(new HealthRule({ ...PATHS, readyz: null }, () => null), "/readyz"), null);
});

test("not ready: 503 says why, and it lives all the same", () => {
  let why: string | null = "no worker is ready";
  const rule = new HealthRule(PATHS, () => why);
  assert.equal(answerTo(rule, "/readyz")?.status, 503);
  assert.equal(answerTo(rule, "/readyz")?.content?.toString(), "no worker is ready\n");
  assert.equal(answerTo(rule, "/livez")?.status, 200);
  why = null;
  assert.equal(answerTo(rule, "/readyz")?.status, 200, "each request is asked anew");
});

test("only GET and HEAD ask, and each answer can be told from others", () => {
  const rule = new HealthRule(PATHS, () => null);
  assert.equal(answerTo(rule, "/readyz", "HEAD")?.status, 200);
  for (const method of ["POST", "OPTIONS", "get"]) {
    const answer = answerTo(rule, "/readyz", method);
    assert.equal(answer?.status, 405, method);
    assert.equal(answer.fields, "Allow: GET, HEAD\r\n");
    assert.equal(answer.isHealthAnswer, true);
  }
  assert.equal(answerTo(rule, "/livez")?.isHealthAnswer, true);
});
