/**
 * Forwarded and X-Forwarded-For: read from the right by the program, from the left and as a whole
 * here. Where the whole list is in order, both find the same.
 */
import assert from "node:assert/strict";
import {
  type ForwardedElement,
  type LastElementReader,
  lastForwardedElement,
  lastXForwardedFor,
  parseForwardedNode,
} from "../../src/http/forwarded.ts";
import { parseIpAddress } from "../../src/http/ip-address.ts";
import { type Dice } from "./dice.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { FORWARDED_LIST, FORWARDED_NODE, FORWARDED_PAIR, listOf } from "./reference-grammar.ts";

/** What the program does not look beyond; see `src/http/forwarded.ts`. */
const ELEMENT_MAX_CHARS = 1024;
const QUOTED_COMMAS_MAX = 16;

const WORDS = [
  "for=",
  "For=",
  "by=",
  "proto=https",
  "host=",
  "192.0.2.1",
  '"192.0.2.1:80"',
  '"[2001:db8::1]:4711"',
  "2001:db8::1",
  "unknown",
  "_hidden",
  "127.0.0.1",
  "for=192.0.2.1, ",
  'for="[::ffff:1.2.3.4]"',
  ";",
  ",",
  " ",
  '"',
  "\\",
  '"a, b"',
  '"a;for=1.2.3.4"',
  "=",
  "\u00e9",
];

function readAll(value: string, readLast: LastElementReader): ForwardedElement[] {
  const found: ForwardedElement[] = [];
  let end = value.length;
  for (;;) {
    const last = readLast(value, end);
    if (last === null) return found.toReversed();
    assert.ok(last.start >= 0 && last.start < end, "each reading gets on");
    found.push(last.element);
    end = last.start;
  }
}

/** What of an element can be compared. */
function described({ client, proto, host }: ForwardedElement): unknown {
  const from = client === null ? null : [client.address?.join(".") ?? null, client.port];
  return { from, proto, host };
}

/** What the list says by its grammar; null where any element has something wrong. */
function describedList(value: string): unknown[] | null {
  if (!FORWARDED_LIST.test(value)) return null;
  const all: unknown[] = [];
  for (const element of listOf(value)) {
    if (element.length > ELEMENT_MAX_CHARS) return null;
    if (element.split(",").length > QUOTED_COMMAS_MAX) return null;
    const pairs = [...element.matchAll(FORWARDED_PAIR)];
    const values = new Map(pairs.map(([, name = "", text = ""]) => [name.toLowerCase(), text]));
    if (values.size < pairs.length) return null;
    for (const [name, text] of values) {
      if (text.startsWith('"')) values.set(name, text.slice(1, -1).replaceAll(/\\(.)/g, "$1"));
    }
    const node = values.get("for");
    const from = node === undefined ? null : describedNode(node);
    if (from === undefined) return null;
    all.push({ from, proto: values.get("proto") ?? null, host: values.get("host") ?? null });
  }
  return all;
}

/** @returns undefined where it is none */
function describedNode(text: string): unknown {
  const match = FORWARDED_NODE.exec(text);
  if (match === null || Number(match[3] ?? 0) > 65_535) return undefined;
  const address = parseIpAddress(match[1] ?? match[2] ?? "");
  return [address?.join(".") ?? null, match[3] ?? null];
}

export const forwardedTarget: FuzzTarget = {
  name: "forwarded",
  seeds: () => [],
  generate: (dice: Dice) =>
    Buffer.from(dice.many(dice.between(1, 20), () => dice.pick(WORDS)).join(""), "latin1"),

  check(input) {
    // Only what a field value can hold reaches these readers.
    const value = input.toString("latin1").replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "");
    const elements = readAll(value, lastForwardedElement).map((element) => described(element));
    const expected = describedList(value);
    if (expected !== null) assert.deepEqual(elements, expected, "another list");
    const clients = readAll(value, lastXForwardedFor).map(({ client }) => client);
    const texts = value
      .split(",")
      .map((member) => member.replaceAll(/^[\t ]+|[\t ]+$/g, ""))
      .filter((member) => member !== "");
    assert.ok(clients.length <= texts.length, "no client comes from nowhere");
    for (const text of texts) {
      const node = parseForwardedNode(text);
      const named = describedNode(text);
      assert.equal(node === null, named === undefined, "another node");
    }
    return [elements.length, expected === null, clients.length].join();
  },
};
