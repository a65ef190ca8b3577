import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { OriginSet, parseOriginPattern } from "../../src/http/origin.ts";

function originSet(...texts: readonly string[]): OriginSet {
  return new OriginSet(
    texts.map((text) => {
      const parsed = parseOriginPattern(text);
      assert.ok(parsed.kind === "pattern", text);
      return parsed.pattern;
    }),
  );
}

test("an origin is compared as a whole, as browsers write it", () => {
  const origins = originSet(
    "HTTPS://App.Example.org:443",
    "http://localhost:3000",
    "http://[2001:DB8:0::1]:8080",
    "chrome-extension://abcdefgh",
    "capacitor://localhost",
  );
  for (const origin of [
    "https://app.example.org",
    "http://localhost:3000",
    "http://[2001:db8::1]:8080",
    "chrome-extension://abcdefgh",
    "capacitor://localhost",
  ]) {
    assert.ok(origins.has(origin), origin);
  }
  for (const origin of [
    "null",
    "",
    "*",
    "http://app.example.org",
    "https://app.example.org:443",
    "https://app.example.org:8443",
    "https://APP.example.org",
    "https://app.example.org/",
    "https://app.example.org.",
    "https://app.example.org.evil.example",
    "https://evilapp.example.org",
    "https://example.org",
    "https://app.example.org, https://app.example.org",
    " https://app.example.org",
    "http://localhost",
  ]) {
    assert.ok(!origins.has(origin), origin);
  }
  assert.ok(!origins.any);
});

test("https://*. is every name below, by that scheme, at that port", () => {
  const origins = originSet("https://*.example.org", "http://*.localhost:3000");
  for (const origin of [
    "https://a.example.org",
    "https://b.a.example.org",
    "https://xn--caf-dma.example.org",
    "https://under_score.example.org",
    "http://shop.localhost:3000",
  ]) {
    assert.ok(origins.has(origin), origin);
  }
  for (const origin of [
    "https://example.org",
    "https://.example.org",
    "https://a..example.org",
    "https://evilexample.org",
    "http://a.example.org",
    "https://a.example.org:8443",
    "https://a.example.org.evil.example",
    "app://example.example.org",
    "https://evil.example/.example.org",
    "https://evil.example#.example.org",
    "https://evil.example?.example.org",
    "https://evil.example:443.example.org",
    "https://evil.example@a.example.org",
    "https://evil.example\\.example.org",
    "https://A.example.org",
    "https://a\r\nb.example.org",
    "https://a\n.example.org",
    `https://${"a".repeat(254)}.example.org`,
    "http://localhost:3000",
    "http://shop.localhost",
    "null",
  ]) {
    assert.ok(!origins.has(origin), JSON.stringify(origin));
  }
});

test("* is every origin, and none is in an empty set", () => {
  assert.ok(originSet("*").any && originSet("*").has("null"));
  assert.ok(!originSet().has("https://app.example.org") && !originSet().has(""));
});

test("what is no origin is refused, and says why", () => {
  for (const [text, why] of [
    ["null", /sandboxed frame/],
    ["", /is not an origin/],
    ["app.example.org", /is not an origin/],
    ["https://", /is not an origin/],
    ["https:app.example.org", /is not an origin/],
    ["https://app.example.org/", /has a path/],
    ["https://app.example.org/api", /has a path/],
    ["https://user@app.example.org", /is not an origin/],
    ["https://app.example.org:99999", /is not an origin/],
    ["https://app.example.org:", /is not an origin/],
    ["https://app..example.org", /is not an origin/],
    ["https://caf\u00e9.example", /xn--/],
    ["https://*", /is not an origin/],
    ["https://*.", /is not an origin/],
    ["https://app.*.org", /is not an origin/],
    ["https://*app.example.org", /is not an origin/],
    ["*.example.org", /is not an origin/],
    ["*://example.org", /is not an origin/],
    ["https://*.192.0.2.1", /there are none/],
    ["https://*.[::1]", /there are none/],
    ["http://[::g]", /is not an origin/],
    ["/api=https://app.example.org", /is not an origin/],
  ] as const) {
    const parsed = parseOriginPattern(text);
    assert.ok(parsed.kind === "refused", text);
    assert.match(parsed.why, why, text);
  }
});

test("property: the origin that a browser makes of a URL is in its set, and no other is", () => {
  const url = fc.webUrl({ validSchemes: ["http", "https"], withFragments: false });
  fc.assert(
    fc.property(url, url, (one, other) => {
      const [first, second] = [new URL(one).origin, new URL(other).origin];
      const origins = originSet(first);
      assert.ok(origins.has(first));
      assert.equal(origins.has(second), first === second);
    }),
  );
});

test("property: what is below by text is a host below by URL", () => {
  const label = fc.constantFrom(
    "a",
    ".",
    "example.org",
    "evil",
    "/",
    "@",
    ":",
    "#",
    "?",
    "\\",
    "%",
  );
  const origins = originSet("https://*.example.org");
  fc.assert(
    fc.property(fc.array(label, { maxLength: 8 }), (labels) => {
      const origin = `https://${labels.join("")}.example.org`;
      if (!origins.has(origin)) return;
      assert.equal(new URL(origin).origin, origin);
      assert.ok(new URL(origin).hostname.endsWith(".example.org"));
    }),
  );
});
