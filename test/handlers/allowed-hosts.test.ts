import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { AllowedHosts, parseHostPattern } from "../../src/handlers/allowed-hosts.ts";
import { PROVENANCE, requestHead } from "./request-head.ts";

const HEAD = requestHead("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

function rule(...texts: readonly string[]): AllowedHosts {
  return new AllowedHosts(
    texts.map((text) => {
      const parsed = parseHostPattern(text);
      assert.ok(parsed.kind === "pattern", text);
      return parsed.pattern;
    }),
  );
}

function allows(
  hosts: AllowedHosts,
  host: string | null,
  scheme: "http" | "https" = "http",
): boolean {
  const admission = hosts.admit(HEAD, { ...PROVENANCE, host, scheme });
  assert.equal(admission?.answer?.status ?? 421, 421);
  return admission === null;
}

test("a host, in any case, with any port, with or without the root's dot", () => {
  const hosts = rule("Shop.example", "192.0.2.7", "2001:DB8::1");
  for (const host of [
    "shop.example",
    "SHOP.EXAMPLE:8080",
    "shop.example.",
    "shop.example.:443",
    "shop.example:",
    "192.0.2.7",
    "192.0.2.7:80",
    "[2001:db8::1]",
    "[2001:0db8:0:0:0:0:0:1]:8000",
  ]) {
    assert.ok(allows(hosts, host), host);
  }
  for (const host of [
    "evil.example",
    "www.shop.example",
    "shop.example.evil.example",
    "evilshop.example",
    "shop.example..",
    "shop%2eexample",
    "192.0.2.70",
    "[2001:db8::2]",
    "",
    null,
  ]) {
    assert.ok(!allows(hosts, host), String(host));
  }
});

test("wildcards: *. is every name below, a dot alone is also the host itself", () => {
  const below = rule("*.shop.example");
  for (const host of ["www.shop.example", "A.B.shop.example.:80", "www.SHOP.example"]) {
    assert.ok(allows(below, host), host);
  }
  for (const host of ["shop.example", "evilshop.example", ".shop.example.evil", "example"]) {
    assert.ok(!allows(below, host), host);
  }
  const both = rule(".shop.example");
  // An empty label is no name.
  for (const hosts of [below, both]) assert.ok(!allows(hosts, ".shop.example"));
  assert.ok(allows(both, "shop.example") && allows(both, "www.shop.example"));
  assert.ok(!allows(both, "evilshop.example"));
});

test("a port that is given counts, the scheme's where Host has none", () => {
  const hosts = rule("shop.example:443", "*.shop.example:8080", "[::1]:80");
  assert.ok(allows(hosts, "shop.example", "https"));
  assert.ok(allows(hosts, "shop.example:443"));
  assert.ok(allows(hosts, "shop.example:0443"));
  assert.ok(!allows(hosts, "shop.example"));
  assert.ok(!allows(hosts, "shop.example:8443", "https"));
  assert.ok(allows(hosts, "a.shop.example:8080"));
  assert.ok(!allows(hosts, "a.shop.example"));
  assert.ok(allows(hosts, "[::1]") && !allows(hosts, "[::1]:8000"));
});

test("what is no host is refused, and says why", () => {
  for (const [text, why] of [
    ["", /is not a host/],
    ["http://shop.example", /is not a host/],
    ["shop.example/path", /is not a host/],
    ["shop.example:", /is not a host/],
    ["shop.example:http", /is not a host/],
    ["user@shop.example", /is not a host/],
    ["caf\u00e9.example", /is not a host/],
    ["*.", /is not a host/],
    [".", /is not a host/],
    ["[::g]", /is not a host/],
    ["*", /has a \*/],
    ["www.*.example", /has a \*/],
    ["*shop.example", /has a \*/],
    ["*.192.0.2.7", /there are none/],
    [".[::1]", /there are none/],
  ] as const) {
    const parsed = parseHostPattern(text);
    assert.ok(parsed.kind === "refused", text);
    assert.match(parsed.why, why, text);
  }
});

test("property: below example.org is what ends in .example.org, and nothing else", () => {
  const label = fc.constantFrom("www", "example", "org", "evil", "a-b", "example.org");
  const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
  const hosts = rule("*.example.org");
  fc.assert(
    fc.property(host, (name) => {
      assert.equal(allows(hosts, name), name.endsWith(".example.org"), name);
    }),
  );
});
