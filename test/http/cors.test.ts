import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import {
  type CorsGrants,
  CorsPolicy,
  normalizedMethod,
  type Preflight,
} from "../../src/http/cors.ts";
import { OriginSet, parseOriginPattern } from "../../src/http/origin.ts";

const APP = "https://app.example.org";
const GRANTS: CorsGrants = {
  methods: ["GET", "PUT"],
  requestFields: ["content-type", "X-Token"],
  exposedFields: [],
  preflightMaxAgeMs: 600_999,
};

function policy(origin: string, credentials = false, grants: Partial<CorsGrants> = {}): CorsPolicy {
  const parsed = parseOriginPattern(origin);
  assert.ok(parsed.kind === "pattern");
  return new CorsPolicy(new OriginSet([parsed.pattern]), credentials, { ...GRANTS, ...grants });
}

/** The lines of an answer to a preflight, or why there are none. */
function preflight(of: CorsPolicy, asked: Partial<Preflight> = {}): string[] {
  const verdict = of.preflight({ origin: APP, method: "PUT", requestFields: null, ...asked });
  return verdict.kind === "allowed" ? verdict.fields.trimEnd().split("\r\n") : [verdict.why];
}

test("answers name the origin that asked, where it is allowed", () => {
  const one = policy(APP);
  assert.ok(one.variesByOrigin);
  assert.equal(one.answerFields(APP), `Access-Control-Allow-Origin: ${APP}\r\n`);
  for (const origin of [null, "null", "https://evil.example", ""]) {
    assert.equal(one.answerFields(origin), "", String(origin));
  }
  assert.equal(
    policy("https://*.example.org", true, { exposedFields: ["ETag", "X-Total"] }).answerFields(APP),
    `Access-Control-Allow-Origin: ${APP}\r\n` +
      "Access-Control-Allow-Credentials: true\r\n" +
      "Access-Control-Expose-Headers: ETag, X-Total\r\n",
  );
});

test("* is on every answer, whoever asks", () => {
  const any = policy("*", false, { exposedFields: ["*"] });
  assert.ok(!any.variesByOrigin);
  for (const origin of [null, "null", APP]) {
    assert.equal(
      any.answerFields(origin),
      "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n",
    );
  }
});

test("* with credentials is no policy", () => {
  assert.throws(() => policy("*", true), /invariant broken/);
});

test("a preflight is answered with everything that is granted", () => {
  assert.deepEqual(preflight(policy(APP), { requestFields: "content-type,x-token" }), [
    `Access-Control-Allow-Origin: ${APP}`,
    "Access-Control-Allow-Methods: GET, PUT",
    "Access-Control-Allow-Headers: content-type, X-Token",
    "Access-Control-Max-Age: 600",
  ]);
  assert.deepEqual(preflight(policy(APP, true, { requestFields: [], preflightMaxAgeMs: null })), [
    `Access-Control-Allow-Origin: ${APP}`,
    "Access-Control-Allow-Credentials: true",
    "Access-Control-Allow-Methods: GET, PUT",
  ]);
});

test("what is asked for is allowed as a whole or not at all", () => {
  const one = policy(APP);
  const refused: readonly [asked: Partial<Preflight>, why: RegExp][] = [
    [{ origin: "https://evil.example" }, /this origin/],
    [{ origin: "null" }, /this origin/],
    [{ method: "DELETE" }, /this method/],
    [{ method: "put" }, /this method/],
    [{ method: "" }, /this method/],
    [{ method: "PUT, GET" }, /this method/],
    [{ requestFields: "content-type, x-other" }, /one of these fields/],
    [{ requestFields: "authorization" }, /one of these fields/],
    [{ requestFields: "x-token, \u00e9" }, /one of these fields/],
    [{ requestFields: "*" }, /one of these fields/],
  ];
  for (const [asked, why] of refused) {
    const lines = preflight(one, asked);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", why, JSON.stringify(asked));
  }
  for (const asked of [
    { method: "POST" },
    { method: "HEAD" },
    { requestFields: "" },
    { requestFields: " , X-TOKEN ,,Content-Type" },
  ]) {
    assert.match(preflight(one, asked)[0] ?? "", /^Access-Control/, JSON.stringify(asked));
  }
});

test("* for methods and fields names what was asked for, and never Authorization", () => {
  const any = policy(APP, true, { methods: ["*"], requestFields: ["*"] });
  assert.deepEqual(preflight(any, { method: "MKCOL", requestFields: "x-a,X-B" }).slice(2, 4), [
    "Access-Control-Allow-Methods: MKCOL",
    "Access-Control-Allow-Headers: x-a, X-B",
  ]);
  assert.match(preflight(any, { requestFields: "authorization" })[0] ?? "", /one of these/);
  assert.match(preflight(any, { requestFields: "x-a, b c" })[0] ?? "", /one of these/);
  assert.match(preflight(any, { method: "A B" })[0] ?? "", /this method/);
  const both = policy(APP, false, { requestFields: ["*", "Authorization"] });
  assert.ok(
    preflight(both, { requestFields: "authorization,x-a" }).includes(
      "Access-Control-Allow-Headers: authorization, x-a",
    ),
  );
});

test("methods are taken as pages send them", () => {
  for (const method of ["put", "Delete", "GET", "post", "head", "options"]) {
    assert.equal(normalizedMethod(method), method.toUpperCase());
  }
  assert.equal(normalizedMethod("patch"), "patch");
});

test("a page may read an answer: by origin, method, and what the browser added by itself", () => {
  const plain = { method: "PUT", origin: APP, hasCookie: false, authorization: null };
  const one = policy(APP);
  assert.ok(one.allows(plain));
  assert.ok(one.allows({ ...plain, method: "POST" }));
  assert.ok(!one.allows({ ...plain, method: "DELETE" }));
  assert.ok(!one.allows({ ...plain, origin: null }));
  assert.ok(!one.allows({ ...plain, origin: "https://evil.example" }));
  assert.ok(!one.allows({ ...plain, hasCookie: true }));
  assert.ok(!one.allows({ ...plain, authorization: "Bearer x" }));
  assert.ok(policy(APP, true).allows({ ...plain, hasCookie: true, authorization: "Basic x" }));
  assert.ok(!policy(APP, true).allows({ ...plain, origin: "null", hasCookie: true }));
  const any = policy("*", false, { requestFields: ["Authorization"] });
  assert.ok(any.allows({ ...plain, origin: "null", authorization: "Bearer x" }));
  assert.ok(!any.allows({ ...plain, origin: null }));
  for (const authorization of ["Basic YTpi", "basic YTpi", "Negotiate", "NTLM x", "Digest x"]) {
    assert.ok(!any.allows({ ...plain, authorization }), authorization);
  }
});

const asked = fc.record({
  origin: fc.constantFrom(APP, "https://evil.example", "null", `${APP}\r\nX: y`, "*"),
  method: fc.oneof(fc.constantFrom("PUT", "GET", "P\r\nUT"), fc.string()),
  requestFields: fc.oneof(
    fc.constant(null),
    fc.constantFrom("x-token", "x-token\r\nSet-Cookie: a=b", "authorization"),
    fc.string(),
  ),
});
const given = fc.record({
  origin: fc.constantFrom(APP, "*", "https://*.example.org"),
  credentials: fc.boolean(),
  methods: fc.constantFrom(["*"], ["PUT"], []),
  requestFields: fc.constantFrom(["*"], ["x-token"], []),
  exposedFields: fc.constantFrom(["ETag"], []),
});

test("property: one Allow-Origin at most, never * beside credentials, only whole lines", () => {
  fc.assert(
    fc.property(given, asked, ({ origin, credentials, ...grants }, request) => {
      if (origin === "*" && credentials) return;
      const of = policy(origin, credentials, grants);
      const verdict = of.preflight(request);
      for (const fields of [
        of.answerFields(request.origin),
        verdict.kind === "allowed" ? verdict.fields : "",
      ]) {
        const lines = fields.split("\r\n").slice(0, -1);
        const names = lines.map((line) => /^(Access-Control-[A-Za-z-]+): [ -~]+$/.exec(line)?.[1]);
        assert.ok(!names.includes(undefined), fields);
        assert.equal(new Set(names).size, names.length);
        if (names.length > 0) assert.equal(names[0], "Access-Control-Allow-Origin");
        if (names.includes("Access-Control-Allow-Credentials")) {
          assert.equal(lines[0], `Access-Control-Allow-Origin: ${APP}`);
        }
      }
    }),
  );
});
