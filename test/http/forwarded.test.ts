import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import {
  type ForwardedElement,
  type ForwardedNode,
  lastForwardedElement,
  type LastElementReader,
  lastXForwardedFor,
  parseForwardedNode,
  unquotedMembers,
} from "../../src/http/forwarded.ts";
import { formatIpAddress, parseIpAddress } from "../../src/http/ip-address.ts";

/** All elements that can be read from the right, in the order of the list. */
function elements(value: string, readLast: LastElementReader): ForwardedElement[] {
  const found: ForwardedElement[] = [];
  let end = value.length;
  for (;;) {
    const last = readLast(value, end);
    if (last === null) return found.toReversed();
    assert.ok(last.start < end, "each reading gets on");
    found.push(last.element);
    end = last.start;
  }
}

function formatNode(node: ForwardedNode | null): string {
  if (node === null) return "-";
  const host = node.address === null ? "?" : formatIpAddress(node.address);
  return node.port === null ? host : `${host} ${node.port}`;
}

/** Clients only, as text. */
function clients(value: string, readLast: LastElementReader): string[] {
  return elements(value, readLast).map(({ client }) => formatNode(client));
}

test("RFC 7239 section 4: the examples", () => {
  assert.deepEqual(clients('for="_gazonk"', lastForwardedElement), ["?"]);
  assert.deepEqual(clients('For="[2001:db8:cafe::17]:4711"', lastForwardedElement), [
    "2001:db8:cafe::17 4711",
  ]);
  assert.deepEqual(
    elements("for=192.0.2.60;proto=http;by=203.0.113.43", lastForwardedElement).map(
      ({ proto }) => proto,
    ),
    ["http"],
  );
  assert.deepEqual(clients("for=192.0.2.43, for=198.51.100.17", lastForwardedElement), [
    "192.0.2.43",
    "198.51.100.17",
  ]);
  assert.deepEqual(
    clients('for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown', lastForwardedElement),
    ["192.0.2.43", "2001:db8:cafe::17", "?"],
  );
});

test("RFC 7239 section 6: nodes", () => {
  for (const [text, expected] of [
    ["192.0.2.43", "192.0.2.43"],
    ["192.0.2.43:47011", "192.0.2.43 47011"],
    ["192.0.2.43:_port", "192.0.2.43"],
    ["[2001:db8::17]", "2001:db8::17"],
    ["[2001:db8::17]:80", "2001:db8::17 80"],
    ["[::ffff:192.0.2.43]", "192.0.2.43"],
    ["unknown", "?"],
    ["UNKNOWN:80", "? 80"],
    ["_hidden", "?"],
    ["_SEVKISEK.a-b_c", "?"],
  ] as const) {
    assert.equal(formatNode(parseForwardedNode(text)), expected, text);
  }
  for (const text of [
    ..."|_|2001:db8::17|[2001:db8::17|[192.0.2.43]|[unknown]|example.org|192.0.2.43:".split("|"),
    ..."192.0.2.43:65536|192.0.2.43:123456|192.0.2.43:80x|192.0.2.43:_|[::1]80|a:[::1]".split("|"),
    ..."unknown2|_a b|[fe80::1%1]| 192.0.2.43".split("|"),
  ]) {
    assert.equal(parseForwardedNode(text), null, text);
  }
});

test("quoted strings, escapes, names in any case, unknown and empty parameters", () => {
  const read = (value: string) => elements(value, lastForwardedElement)[0];
  assert.equal(read('HOST="example.org:8080"')?.host, "example.org:8080");
  assert.equal(read('host="a\\"b\\\\c,d"')?.host, 'a"b\\c,d');
  assert.equal(read("Proto=HTTPS;secret=abc;;")?.proto, "HTTPS");
  assert.equal(read(';for="1\\92.0.2.1"')?.client?.port, null);
  assert.deepEqual(read("by=_x"), { client: null, proto: null, host: null });
});

test("what is no element is not read, and ends the list", () => {
  for (const value of [
    "",
    " , ,",
    "for",
    "for=",
    "=a",
    "for=192.0.2.1:80",
    "for=[::1]",
    'for="[::1]',
    'for="192.0.2.1"x',
    'for="192.0.2.1\\"',
    "for=192.0.2.1;for=192.0.2.1",
    "For=192.0.2.1;proto=http;fOR=192.0.2.2",
    "proto=http;proto=https",
    "for =192.0.2.1",
    "for= 192.0.2.1",
    "for=192.0.2.1 ; proto=http",
    "for=192.0.2.1 for=192.0.2.2",
    "for=example.org",
    `host=${"a".repeat(2000)}`,
    `host="${",".repeat(20)}`,
  ]) {
    assert.deepEqual(elements(value, lastForwardedElement), [], value);
  }
  assert.deepEqual(clients("rubbish, for=192.0.2.1", lastForwardedElement), ["192.0.2.1"]);
  assert.deepEqual(clients("for=192.0.2.9, rubbish, for=192.0.2.1", lastForwardedElement), [
    "192.0.2.1",
  ]);
});

test("X-Forwarded-For: what proxies write", () => {
  const cases: readonly [value: string, expected: readonly string[]][] = [
    ["192.0.2.1", ["192.0.2.1"]],
    ["192.0.2.1, 198.51.100.2,10.0.0.1", ["192.0.2.1", "198.51.100.2", "10.0.0.1"]],
    [" 192.0.2.1\t,, 2001:DB8::1 ,", ["192.0.2.1", "2001:db8::1"]],
    [
      "192.0.2.1:4711, [2001:db8::1]:80, [2001:db8::2]",
      ["192.0.2.1 4711", "2001:db8::1 80", "2001:db8::2"],
    ],
    ["unknown, 192.0.2.1", ["?", "192.0.2.1"]],
    ["::ffff:192.0.2.1", ["192.0.2.1"]],
    ["", []],
    [",", []],
    ["192.0.2.1, rubbish", []],
    ['"192.0.2.1"', []],
    ["192.0.2.1 198.51.100.2", []],
    ["2001:db8::1:80:90:1:2:3:4", []],
  ];
  for (const [value, expected] of cases) {
    assert.deepEqual(clients(value, lastXForwardedFor), expected, value);
  }
});

test("lists without quoting", () => {
  assert.deepEqual(unquotedMembers('"a, b ,, c\t'), ['"a', "b", "c"]);
  assert.deepEqual(unquotedMembers(" , "), []);
});

const address = fc
  .oneof(fc.ipV4(), fc.ipV6())
  .map((text) => parseIpAddress(text))
  .filter((parsed) => parsed !== null);
const port = fc.option(fc.nat(65_535).map(String));
const node: fc.Arbitrary<ForwardedNode> = fc.oneof(
  fc.record({ address, port }),
  fc.record({ address: fc.constant(null), port }),
);
const text = fc.string({
  unit: fc.constantFrom(...'aZ09,;="\\ :[]'.split("")),
  minLength: 1,
  maxLength: 12,
});
const element: fc.Arbitrary<ForwardedElement> = fc.record({
  client: fc.option(node),
  proto: fc.option(fc.constantFrom("http", "https")),
  host: fc.option(text),
});

function quoted(value: string): string {
  return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

function format({ client, proto, host }: ForwardedElement): string {
  const pairs: string[] = ["by=_us"];
  if (client !== null) {
    const numeric = client.address === null ? "_hidden" : formatIpAddress(client.address);
    const name = numeric.includes(":") ? `[${numeric}]` : numeric;
    pairs.push(`for=${quoted(client.port === null ? name : `${name}:${client.port}`)}`);
  }
  if (proto !== null) pairs.push(`Proto=${proto}`);
  if (host !== null) pairs.push(`host=${quoted(host)}`);
  return pairs.join(";");
}

function plain({ client, proto, host }: ForwardedElement): unknown {
  return { client: formatNode(client), proto, host };
}

test("property: parse after format is identity", () => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 5 }), (list) => {
      const value = list.map((one) => format(one)).join(", ");
      assert.deepEqual(elements(value, lastForwardedElement).map(plain), list.map(plain), value);
    }),
  );
});

test("property: whatever stands in front, what a proxy appended is read", () => {
  const rubbish = fc.string({
    unit: fc.constantFrom(...'a=;,"\\ []:for1.'.split("")),
    maxLength: 40,
  });
  fc.assert(
    fc.property(rubbish, element, (before, appended) => {
      const value = `${before}, ${format(appended)}`;
      const last = lastForwardedElement(value, value.length);
      assert.ok(last !== null, value);
      assert.deepEqual(plain(last.element), plain(appended), value);
      assert.equal(value.slice(last.start), format(appended));
    }),
    { numRuns: 2000 },
  );
});
