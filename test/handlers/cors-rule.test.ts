import assert from "node:assert/strict";
import { test } from "node:test";

import { CORS_ANSWER_FIELDS } from "../../src/http/cors.ts";
import { APP_ORIGIN, corsAtApi, corsPolicy, headOf } from "./edge-rules.ts";

const RULE = corsAtApi(corsPolicy(APP_ORIGIN));
const ASKED = { Origin: APP_ORIGIN, "Access-Control-Request-Method": "PUT" };

test("elsewhere nothing is touched", () => {
  assert.equal(RULE.admit(headOf("GET /", { Origin: APP_ORIGIN })), null);
  assert.equal(RULE.admit(headOf("OPTIONS /", ASKED)), null);
  assert.equal(RULE.admit(headOf("OPTIONS *", ASKED)), null);
  assert.ok(!RULE.allows(headOf("GET /", { Origin: APP_ORIGIN })));
});

test("a preflight is answered: 204, or 403 without a field that allows", () => {
  const allowed = RULE.admit(headOf("OPTIONS /api/x", ASKED));
  assert.equal(allowed?.answer?.status, 204);
  assert.equal(allowed.answer.content?.length, 0);
  assert.match(allowed.fields, /^Access-Control-Allow-Origin: https:\/\/app\.example\.org\r\n/);
  assert.deepEqual(allowed.vary, [
    "Origin",
    "Access-Control-Request-Method",
    "Access-Control-Request-Headers",
  ]);
  for (const change of [
    { Origin: "https://evil.example" },
    { Origin: "null" },
    { "Access-Control-Request-Method": "DELETE" },
    { "Access-Control-Request-Method": "" },
    { "Access-Control-Request-Headers": "x-a" },
  ]) {
    const refused = RULE.admit(headOf("OPTIONS /api/x", { ...ASKED, ...change }));
    assert.equal(refused?.answer?.status, 403, JSON.stringify(change));
    assert.equal(refused.fields + refused.answer.fields, "");
    assert.deepEqual(refused.vary, allowed.vary);
  }
});

test("an OPTIONS that is no preflight goes on", () => {
  for (const fields of [
    {},
    { Origin: APP_ORIGIN },
    { "Access-Control-Request-Method": "PUT" },
  ] as const) {
    assert.equal(RULE.admit(headOf("OPTIONS /api/x", fields))?.answer, null);
  }
  assert.equal(RULE.admit(headOf("GET /api/x", ASKED))?.answer, null);
});

test("what the application says is replaced, whether or not the origin is allowed", () => {
  for (const origin of [APP_ORIGIN, "https://evil.example"]) {
    const admission = RULE.admit(headOf("GET /api/x", { Origin: origin }));
    assert.equal(admission?.answer, null);
    assert.equal(admission.replacedFields, CORS_ANSWER_FIELDS);
    assert.deepEqual(admission.vary, ["Origin"]);
    assert.equal(admission.fields !== "", origin === APP_ORIGIN);
  }
  const unasked = RULE.admit(headOf("GET /api/x"));
  assert.deepEqual([unasked?.fields, unasked?.vary], ["", ["Origin"]]);
  const any = corsAtApi(corsPolicy("*")).admit(headOf("GET /api/x"));
  assert.deepEqual(any?.vary, []);
  assert.match(any.fields, /^Access-Control-Allow-Origin: \*\r\n/);
});

test("a path that may lie elsewhere too: nothing is allowed", () => {
  for (const path of ["/api/..%2fx", "/api", "/API/x", "//api/x"]) {
    const admission = RULE.admit(headOf(`GET ${path}`, { Origin: APP_ORIGIN }));
    assert.equal(admission?.fields, "", path);
    assert.equal(admission.replacedFields, CORS_ANSWER_FIELDS);
    assert.deepEqual(admission.vary, ["Origin"]);
    assert.equal(RULE.admit(headOf(`OPTIONS ${path}`, ASKED))?.answer?.status, 403);
    assert.ok(!RULE.allows(headOf(`GET ${path}`, { Origin: APP_ORIGIN })));
  }
});

test("private networks are never granted", () => {
  const fields = { ...ASKED, "Access-Control-Request-Private-Network": "true" };
  assert.doesNotMatch(RULE.admit(headOf("OPTIONS /api/x", fields))?.fields ?? "", /Private/);
  assert.ok(CORS_ANSWER_FIELDS.has("access-control-allow-private-network"));
});

test("who may read an answer: credentials have to be allowed where they are sent", () => {
  const origin = { Origin: APP_ORIGIN };
  assert.ok(RULE.allows(headOf("PUT /api/x", origin)));
  assert.ok(!RULE.allows(headOf("PUT /api/x", { ...origin, Cookie: "a=b" })));
  assert.ok(!RULE.allows(headOf("PUT /api/x", { ...origin, Authorization: "Basic YTpi" })));
  const withCredentials = corsAtApi(corsPolicy(APP_ORIGIN, true));
  assert.ok(withCredentials.allows(headOf("PUT /api/x", { ...origin, Cookie: "a=b" })));
});
