import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { LINES_PER_MINUTE_MAX } from "../../src/base/line-quota.ts";
import { createLog } from "../../src/base/log.ts";
import { FetchRule, type FetchRuleSettings } from "../../src/handlers/fetch-rule.ts";
import { RefusalReport } from "../../src/handlers/refusal-report.ts";
import type { FetchPolicyMode } from "../../src/http/fetch-metadata.ts";
import { PathRules } from "../../src/http/path-rules.ts";
import { percentDecode } from "../../src/http/target.ts";
import { APP_ORIGIN, corsAtApi, corsPolicy, headOf } from "./edge-rules.ts";

const STRANGER = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors" };
const VARY = ["Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"];

class Fixture {
  readonly lines: string[] = [];
  readonly clock = { ms: 0, nowMs: (): number => this.clock.ms };
  readonly rule: FetchRule;

  constructor(
    fallback: FetchPolicyMode,
    modes: Readonly<Record<string, FetchPolicyMode>> = {},
    settings: Partial<FetchRuleSettings> = {},
  ) {
    const log = createLog((line) => this.lines.push(line), { epochMs: () => 0 }, "info");
    this.rule = new FetchRule({
      modes: new PathRules(fallback, Object.entries(modes)),
      frames: new PathRules(false, []),
      sameSite: new PathRules(true, []),
      cors: null,
      report: new RefusalReport(log, this.clock),
      ...settings,
    });
  }

  /** The status where it is answered, "passes" where it is seen, "off" where nothing is done. */
  outcome(start: string, fields: Readonly<Record<string, string>>): number | "passes" | "off" {
    const admission = this.rule.admit(headOf(start, fields));
    if (admission === null) return "off";
    assert.deepEqual(admission.vary, VARY);
    return admission.answer?.status ?? "passes";
  }
}

test("enforce: 403, and every answer varies", () => {
  const fixture = new Fixture("enforce");
  assert.equal(fixture.outcome("GET /", STRANGER), 403);
  assert.equal(fixture.outcome("GET /", {}), "passes");
  assert.equal(fixture.outcome("POST /", { "Sec-Fetch-Site": "same-origin" }), "passes");
  assert.equal(fixture.outcome("POST /", { "Sec-Fetch-Site": "same-site" }), "passes");
  assert.equal(fixture.lines.length, 1);
  const strict = new Fixture("enforce", {}, { sameSite: new PathRules(false, []) });
  assert.equal(strict.outcome("POST /", { "Sec-Fetch-Site": "same-site" }), 403);
});

test("repeated lines of one field are not its first or last", () => {
  const head = headOf("POST /", { "Sec-Fetch-Site": "same-origin\r\nSec-Fetch-Site: same-origin" });
  assert.equal(new Fixture("enforce").rule.admit(head)?.answer?.status, 403);
});

test("report: one line, and nothing else", () => {
  const fixture = new Fixture("report");
  assert.equal(fixture.outcome("POST /pay?card=4111", { ...STRANGER, Origin: "null" }), "off");
  assert.equal(fixture.outcome("GET /", {}), "off");
  assert.deepEqual(fixture.lines, [
    "1970-01-01T00:00:00.000Z warn --fetch-policy enforce would refuse a request " +
      "method=POST path=/pay site=cross-site mode=no-cors dest=- origin=null",
  ]);
});

test("the strictest mode of a path's readings holds", () => {
  const fixture = new Fixture("off", { "/a/": "report", "/b/": "enforce", "/b/c/": "off" });
  assert.equal(fixture.outcome("GET /x", STRANGER), "off");
  assert.equal(fixture.outcome("GET /b/x", STRANGER), 403);
  assert.equal(fixture.outcome("GET /b/c/x", STRANGER), "off");
  assert.deepEqual(fixture.lines.length, 1);
  assert.equal(fixture.outcome("GET /a/x", STRANGER), "off");
  assert.deepEqual(fixture.lines.length, 2);
  for (const path of ["/a/..%2fb/x", "/%62/x", "//b/x", "/B/x", "/b/c/%2e%2e/x", "/b/c%5c../x"]) {
    assert.equal(fixture.outcome(`GET ${path}`, STRANGER), 403, path);
  }
});

test("frames: only where every reading is named", () => {
  const frames = new PathRules(false, [["/widget/", true]]);
  const fixture = new Fixture("enforce", {}, { frames });
  const framed = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "iframe",
  };
  assert.equal(fixture.outcome("GET /widget/x", framed), "passes");
  assert.equal(fixture.outcome("POST /widget/x", framed), 403);
  assert.equal(fixture.outcome("GET /x", framed), 403);
  assert.equal(fixture.outcome("GET /widget/..%2fx", framed), 403);
});

test("the same site: only where every reading allows it, and a stranger never", () => {
  const sameSite = new PathRules(false, [["/open/", true]]);
  const fixture = new Fixture("enforce", {}, { sameSite });
  const sibling = { "Sec-Fetch-Site": "same-site" };
  assert.equal(fixture.outcome("POST /open/x", sibling), "passes");
  assert.equal(fixture.outcome("POST /open/x", STRANGER), 403);
  assert.equal(fixture.outcome("POST /x", sibling), 403);
  assert.equal(fixture.outcome("POST /open/..%2fx", sibling), 403);
});

test("whoever CORS lets read the answer passes, in mode cors only", () => {
  const fixture = new Fixture("enforce", {}, { cors: corsAtApi(corsPolicy(APP_ORIGIN)) });
  const asked = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", Origin: APP_ORIGIN };
  assert.equal(fixture.outcome("PUT /api/x", asked), "passes");
  assert.equal(fixture.outcome("PUT /x", asked), 403);
  assert.equal(fixture.outcome("DELETE /api/x", asked), 403);
  assert.equal(fixture.outcome("PUT /api/x", { ...asked, Origin: "https://evil.example" }), 403);
  assert.equal(fixture.outcome("PUT /api/x", { ...asked, Cookie: "a=b" }), 403);
  assert.equal(fixture.outcome("POST /api/x", { ...asked, "Sec-Fetch-Mode": "no-cors" }), 403);
  assert.equal(fixture.outcome("POST /api/x", { ...asked, "Sec-Fetch-Mode": "navigate" }), 403);
});

test("what is logged is bounded: lines a minute, length, and what is not printable", () => {
  const fixture = new Fixture("report");
  const count = LINES_PER_MINUTE_MAX + 5;
  for (let index = 0; index < count; index++) fixture.outcome("GET /", STRANGER);
  assert.equal(fixture.lines.length, LINES_PER_MINUTE_MAX);
  fixture.clock.ms = 59_999;
  fixture.outcome("GET /", STRANGER);
  assert.equal(fixture.lines.length, LINES_PER_MINUTE_MAX);
  fixture.clock.ms = 60_000;
  fixture.outcome("GET /", STRANGER);
  fixture.outcome("GET /", STRANGER);
  assert.equal(fixture.lines.length, LINES_PER_MINUTE_MAX + 2);
  assert.match(fixture.lines.at(-2) ?? "", / leftOut=6$/);
  assert.doesNotMatch(fixture.lines.at(-1) ?? "", /leftOut/);
  fixture.outcome(`GET /${"a".repeat(3000)}`, { ...STRANGER, "Sec-Fetch-Dest": "\xe9\t\\" });
  const last = fixture.lines.at(-1) ?? "";
  assert.ok(last.length < 500);
  assert.match(last, /a\.\.\. /);
  assert.match(last, /dest="?\\xe9\\t\\\\"? /);
  assert.match(last, /^[ -~]+$/);
});

test("property: in enforce no cross-site request passes that is no link and not allowed", () => {
  const fixture = new Fixture(
    "enforce",
    { "/open/": "off" },
    { cors: corsAtApi(corsPolicy("https://*.example.org", true)) },
  );
  const path = fc
    .array(fc.constantFrom("/", "api", "open", "..", "%2f", "%2e", "%5c", "x", "%25"), {
      maxLength: 8,
    })
    .map((pieces) => `/${pieces.join("")}`);
  const word = (...words: string[]): fc.Arbitrary<string> => fc.constantFrom(...words);
  fc.assert(
    fc.property(
      path.filter((text) => !percentDecode(text).startsWith("/open/")),
      word("POST", "PUT", "GET"),
      word("navigate", "no-cors", "cors", "same-origin"),
      word("document", "iframe", "image", "empty"),
      word("https://evil.example", "null", "https://app.example.org.evil.example"),
      (target, method, mode, dest, origin) => {
        const isLink = method === "GET" && mode === "navigate" && dest === "document";
        const outcome = fixture.outcome(`${method} ${target}`, {
          "Sec-Fetch-Site": "cross-site",
          "Sec-Fetch-Mode": mode,
          "Sec-Fetch-Dest": dest,
          Origin: origin,
        });
        assert.equal(outcome, isLink ? "passes" : 403);
      },
    ),
  );
});
