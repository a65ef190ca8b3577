import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import {
  formatTraceparent,
  isTracestate,
  parseTraceparent,
  type TraceParent,
} from "../../src/http/trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

function hex(digits: number): fc.Arbitrary<string> {
  return fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((values) => values.map((value) => value.toString(16)).join(""));
}

function id(digits: number): fc.Arbitrary<string> {
  return hex(digits).filter((text) => /[^0]/.test(text));
}

const PARENT: fc.Arbitrary<TraceParent> = fc.record(
  { traceId: id(32), spanId: id(16), isSampled: fc.boolean() },
  { noNullPrototype: true },
);

test("Trace Context section 3.2.3: the examples", () => {
  assert.deepEqual(parseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), {
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    isSampled: true,
  });
  const off = parseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  assert.equal(off?.isSampled, false);
});

test("what is not well-formed is nobody's", () => {
  const refused = [
    "",
    "00",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-0g`,
    `00-${TRACE}-${SPAN}-01-`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-01.more`,
    `cc-${TRACE}-${SPAN}-01.more`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}0-${SPAN}-01`,
    `00_${TRACE}_${SPAN}_01`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
    // The field came twice.
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
  ];
  for (const value of refused) assert.equal(parseTraceparent(value), null, value);
});

test("section 4.3: of a later version, what version 00 has is read", () => {
  const parent = { traceId: TRACE, spanId: SPAN, isSampled: true };
  assert.deepEqual(parseTraceparent(`cc-${TRACE}-${SPAN}-01`), parent);
  assert.deepEqual(parseTraceparent(`01-${TRACE}-${SPAN}-01-what-the-future-brings`), parent);
});

test("section 3.2.2.5: flags that are not defined say nothing", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), (flags) => {
      const text = flags.toString(16).padStart(2, "0");
      const parent = parseTraceparent(`00-${TRACE}-${SPAN}-${text}`);
      assert.equal(parent?.isSampled, flags % 2 === 1);
    }),
  );
});

test("what is written is read again", () => {
  fc.assert(
    fc.property(PARENT, (parent) => {
      assert.deepEqual(parseTraceparent(formatTraceparent(parent)), parent);
    }),
  );
});

test("one character more, less or changed never makes another trace of it", () => {
  const character = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
  fc.assert(
    fc.property(PARENT, fc.nat(55), character, fc.nat(2), (parent, at, other, kind) => {
      const value = formatTraceparent(parent);
      const kept = kind === 0 ? at : at + 1;
      const changed = value.slice(0, at) + (kind === 2 ? "" : other) + value.slice(kept);
      const read = parseTraceparent(changed);
      if (read === null) return;
      assert.equal(changed.length, value.length, "of version 00, only this length is right");
      assert.match(formatTraceparent(read), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    }),
  );
});

test("any text is read or refused, and what is read has the form of ids", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" })), (value) => {
      const read = parseTraceparent(value);
      if (read !== null) assert.match(read.traceId + read.spanId, /^[0-9a-f]{48}$/);
      assert.equal(typeof isTracestate(value), "boolean");
    }),
  );
});

test("section 3.3.1: lists that may be passed on", () => {
  const key = "a".repeat(256);
  const passed = [
    "rojo=00f067aa0ba902b7",
    "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    "rojo=1 \t,\t congo=2",
    "rojo=1,,congo=2,",
    `${key}=1`,
    "fw529a3039@dt=FfAAA",
    `1${"a".repeat(240)}@${"b".repeat(14)}=1`,
    `a=${"v".repeat(256)}`,
    "a= !~+-<>",
    Array.from({ length: 32 }, (_, index) => `k${index}=v`).join(","),
  ];
  for (const value of passed) assert.equal(isTracestate(value), true, value);
});

test("section 3.3.1: lists that are dropped", () => {
  const refused = [
    "",
    ",",
    "a",
    "=1",
    "a=",
    "a=b=c",
    "A=1",
    "1a=1",
    "a b=1",
    "a=1,a=2",
    "a=caf\xe9",
    "a=1\x7f",
    `${"a".repeat(257)}=1`,
    `a=${"v".repeat(257)}`,
    `a@${"b".repeat(15)}=1`,
    "a@b@c=1",
    "@a=1",
    "a@1=1",
    Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(","),
  ];
  for (const value of refused) assert.equal(isTracestate(value), false, value);
});
