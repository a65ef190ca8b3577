import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import {
  parsePathPrefix,
  pathReadings,
  PathRules,
  READINGS_MAX,
} from "../../src/http/path-rules.ts";

type Rules = Readonly<Record<string, string>>;

/** What holds at a path, in the order of the alphabet. */
function valuesAt(rules: Rules, path: string, rootPath = ""): string {
  const values = new PathRules("rest", Object.entries(rules), rootPath).valuesAt(path);
  assert.equal(new Set(values).size, values.length);
  return values.toSorted().join(" ");
}

test("the longest prefix decides, and a prefix ends where a segment does", () => {
  const rules = { "/api": "api", "/api/v2/": "v2", "/a": "a" };
  for (const [path, value] of [
    ["/", "rest"],
    ["/api", "api"],
    ["/api/", "api"],
    ["/api/v1", "api"],
    ["/apiary", "rest"],
    ["/api.json", "rest"],
    ["/api/v2/x", "v2"],
    ["/api/v2/", "v2"],
    ["/api/v21", "api"],
    ["/a/api", "a"],
    ["/b/api", "rest"],
    ["*", "rest"],
    ["", "rest"],
  ] as const) {
    assert.equal(valuesAt(rules, path), value, path);
  }
  // Applications often take a path with and without its last slash for one.
  assert.equal(valuesAt(rules, "/api/v2"), "api v2");
  assert.equal(new PathRules("rest", Object.entries(rules)).valueOf("/api/v2/"), "v2");
  assert.equal(new PathRules("rest", Object.entries(rules)).valueOf("/api/v1/"), "api");
  assert.equal(new PathRules<string | null>("rest", [["/none", null]]).valueOf("/none/x"), null);
});

describe("a path that can be read in two ways has the values of both", () => {
  const rules = { "/public/": "lax", "/admin/": "strict" };
  const cases: readonly [path: string, values: string][] = [
    ["/public/x", "lax"],
    ["/public/%78", "lax"],
    ["/%70ublic/x", "lax"],
    ["/public/100%25", "lax"],
    ["/public/a%2Fb", "lax"],
    ["/public//x", "lax"],
    ["/public/%2561", "lax"],
    ["/public/.well-known/..x/...", "lax"],
    ["/public/../public/x", "lax"],
    ["/%61dmin/x", "strict"],
    ["/public/../admin/x", "lax strict"],
    ["/public/..%2fadmin/x", "lax strict"],
    ["/public/%2e%2E/admin/x", "lax strict"],
    ["/public/%252e%252e/admin/x", "lax strict"],
    ["/public/%252e%252e%252fadmin%252fx", "lax strict"],
    ["/public/.%2e/%2e/admin/x", "lax strict"],
    ["/public/..%5cadmin%5cx", "lax strict"],
    ["/public/..\\admin\\x", "lax strict"],
    ["/public//../admin/x", "lax strict"],
    ["/public/a/../../admin/x", "lax strict"],
    ["//admin/x", "rest strict"],
    ["/%2fadmin/x", "rest strict"],
    ["/./admin/x", "rest strict"],
    ["/../admin/x", "rest strict"],
    ["/x%2f..%2fadmin/", "rest strict"],
    ["/x/..", "rest"],
    ["/admin/..", "rest strict"],
    ["/ADMIN/x", "rest strict"],
    ["/Public/x", "lax rest"],
    ["/admin", "rest strict"],
    ["/administrator/x", "rest"],
  ];
  for (const [path, values] of cases) {
    test(path, () => assert.equal(valuesAt(rules, path), values));
  }
});

test("a root path counts with it and without it", () => {
  const rules = { "/admin": "inside", "/shop/admin/x": "outside" };
  assert.equal(valuesAt(rules, "/admin/x", "/shop"), "inside");
  assert.equal(valuesAt(rules, "/shop/admin/y", "/shop"), "inside rest");
  assert.equal(valuesAt(rules, "/shop/admin/x", "/shop"), "inside outside");
  assert.equal(valuesAt(rules, "/shop/%61dmin/y", "/shop"), "inside rest");
  assert.equal(valuesAt(rules, "/shopping/admin/y", "/shop"), "rest");
});

test("names that differ in case only: both hold, since they may be one path", () => {
  const rules = { "/a/": "small", "/A/": "capital" };
  assert.equal(valuesAt(rules, "/a/x"), "capital small");
  assert.equal(valuesAt({ "/A/": "capital" }, "/A/x"), "capital");
});

test("more readings than the bound: every value holds", () => {
  const path = `/public/%2525255c//..//${"%252e%252e%252f%255c".repeat(8)}`;
  assert.equal(pathReadings(path, ""), null);
  assert.equal(valuesAt({ "/public/": "lax", "/admin/": "strict" }, path), "lax rest strict");
  assert.ok((pathReadings("/a%2fb//c/../d", "")?.length ?? 0) <= READINGS_MAX);
});

test("with one value there is nothing to read", () => {
  assert.deepEqual(new PathRules("rest", []).valuesAt("/a//../%2e"), ["rest"]);
  assert.deepEqual(new PathRules("rest", [["/a/", "rest"]]).valuesAt("/a//../%2e"), ["rest"]);
});

test("paths of rules: decoded, UTF-8, and only what has one reading", () => {
  const prefixOf = (text: string): string => {
    const parsed = parsePathPrefix(text);
    return parsed.kind === "prefix" ? parsed.prefix : `refused: ${parsed.why}`;
  };
  assert.equal(prefixOf("/api/"), "/api/");
  assert.equal(prefixOf("/a%20b%2Cc"), "/a b,c");
  assert.equal(prefixOf("/caf\u00e9"), "/caf\xc3\xa9");
  assert.equal(prefixOf("/caf%C3%A9"), "/caf\xc3\xa9");
  assert.equal(valuesAt({ [prefixOf("/caf\u00e9")]: "coffee" }, "/caf%c3%a9/x"), "coffee");
  assert.match(prefixOf("api"), /^refused: does not begin/);
  assert.match(prefixOf(""), /^refused: does not begin/);
  assert.match(prefixOf("https://a/"), /^refused: does not begin/);
  assert.match(prefixOf("/a?b"), /^refused: has a query/);
  for (const text of ["//a", "/a/../b", "/a/.", "/a\\b", "/a%252f", "/a%2f%2fb", "/a%"]) {
    assert.match(prefixOf(text), /^refused: can be read in two ways/, text);
  }
});

const piece = fc.constantFrom("/", "/", "public", "admin", "x", ".", "..", "\\", "ADMIN");
const encodings: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text,
  (text) => text.replace(/[^a-z]/gi, encodedOctet),
  (text) => text.replace(/./g, encodedOctet),
  (text) => text.replace(/./g, encodedOctet).replaceAll("%", "%25"),
];
const written = fc
  .tuple(piece, fc.constantFrom(...encodings))
  .map(([text, encode]) => encode(text));

function encodedOctet(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

test("property: whatever an application makes of a path, what holds for that is among it", () => {
  const rules = new PathRules("rest", [
    ["/public/", "lax"],
    ["/admin/", "strict"],
  ]);
  // A server that decodes, as WSGI does, and then does what file servers and frameworks do.
  const resolved = (path: string): string => {
    const slashes = decodeURIComponent(path).replaceAll("\\", "/").replace(/\/+/g, "/");
    return new URL(`http://a${slashes.replaceAll("%", "%25")}`).pathname;
  };
  fc.assert(
    fc.property(fc.array(written, { maxLength: 12 }), (pieces) => {
      const path = `/${pieces.join("")}`;
      const values = rules.valuesAt(path);
      for (const reading of [decodeURIComponent(path), resolved(path)]) {
        if (reading.startsWith("/admin/")) assert.ok(values.includes("strict"), path);
        if (reading.startsWith("/public/")) assert.ok(values.includes("lax"), path);
      }
    }),
  );
});

test("property: the readings of a reading are among the readings", () => {
  fc.assert(
    fc.property(fc.array(written, { maxLength: 8 }), (pieces) => {
      const readings = pathReadings(`/${pieces.join("")}`, "");
      if (readings === null) return;
      assert.ok(readings.length <= READINGS_MAX);
      for (const reading of readings) {
        for (const next of pathReadings(reading, "") ?? []) assert.ok(readings.includes(next));
      }
    }),
  );
});
