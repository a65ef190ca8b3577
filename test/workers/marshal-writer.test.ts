import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import fc from "fast-check";

import { encodeInternedString, MarshalWriter } from "../../src/workers/marshal-writer.ts";
import { readMarshal } from "./marshal-reader.ts";

/** Encodes with a buffer that is too small for anything, so that it has to grow in each place. */
function encode(write: (writer: MarshalWriter) => void): Buffer {
  const writer = new MarshalWriter(1);
  write(writer);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

/**
 * Reads each value with Python's own marshal, in one process, and returns what `ascii()` says of
 * it.
 */
function asciiByPython(values: readonly Buffer[]): string[] {
  const program = [
    "import json, marshal, sys",
    "lines = sys.stdin.read().split()",
    "print(json.dumps([ascii(marshal.loads(bytes.fromhex(line))) for line in lines]))",
  ].join("\n");
  const input = values.map((value) => value.toString("hex")).join("\n");
  const { status, stdout, stderr } = spawnSync("python3", ["-c", program], {
    input,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as string[];
}

const CASES: readonly [what: string, write: (writer: MarshalWriter) => void, expected: string][] = [
  ["none", (writer) => writer.none(), "None"],
  ["zero", (writer) => writer.int(0), "0"],
  ["the least int", (writer) => writer.int(-(2 ** 31)), "-2147483648"],
  ["the largest int of 32 bit", (writer) => writer.int(2 ** 31 - 1), "2147483647"],
  ["the least long", (writer) => writer.int(2 ** 31), "2147483648"],
  ["a long with a digit of 0", (writer) => writer.int(2 ** 45), "35184372088832"],
  ["the largest long", (writer) => writer.int(2 ** 53 - 1), "9007199254740991"],
  ["an empty string", (writer) => writer.string(""), "''"],
  ["an ASCII string", (writer) => writer.string("/a\tb\0\x7f"), "'/a\\tb\\x00\\x7f'"],
  ["255 characters", (writer) => writer.string("a".repeat(255)), `'${"a".repeat(255)}'`],
  ["256 characters", (writer) => writer.string("b".repeat(256)), `'${"b".repeat(256)}'`],
  ["latin-1", (writer) => writer.string("\x80caf\xe9\xff"), "'\\x80caf\\xe9\\xff'"],
  ["255 of latin-1", (writer) => writer.string("\xe9".repeat(255)), `'${"\\xe9".repeat(255)}'`],
  ["256 of latin-1", (writer) => writer.string("\xe9".repeat(256)), `'${"\\xe9".repeat(256)}'`],
  [
    "late latin-1",
    (writer) => writer.string(`${"a".repeat(300)}\xe9`),
    `'${"a".repeat(300)}\\xe9'`,
  ],
  ["any Unicode", (writer) => writer.string("\u20ac\u{1f600}"), "'\\u20ac\\U0001f600'"],
  ["three bytes each", (writer) => writer.string("\u65e5".repeat(9)), `'${"\\u65e5".repeat(9)}'`],
  [
    "an interned string",
    (writer) => writer.encoded(encodeInternedString("HTTP_HOST")),
    "'HTTP_HOST'",
  ],
  ["no bytes", (writer) => writer.bytesObject(Buffer.alloc(0), 0, 0), "b''"],
  [
    "a part of bytes",
    (writer) => writer.bytesObject(Buffer.from("xa\0\xffy", "latin1"), 1, 4),
    "b'a\\x00\\xff'",
  ],
  ["an empty tuple", (writer) => writer.tuple(0), "()"],
  [
    "a dict",
    (writer) => {
      writer.dict();
      writer.string("a");
      writer.string("1");
      writer.encoded(encodeInternedString("b"));
      writer.none();
      writer.endDict();
    },
    "{'a': '1', 'b': None}",
  ],
  [
    "lists within lists",
    (writer) => {
      writer.list(3);
      writer.list(0);
      writer.tuple(2);
      writer.int(1);
      writer.list(1);
      writer.dict();
      writer.endDict();
      writer.string("\xe9");
    },
    "[[], (1, [{}]), '\\xe9']",
  ],
];

test("Python reads every type back as it was written", () => {
  const read = asciiByPython(CASES.map(([, write]) => encode(write)));
  for (const [index, [what, , expected]] of CASES.entries()) {
    assert.equal(read[index], expected, what);
  }
});

test("the tests' own reader agrees with Python", () => {
  assert.equal(readMarshal(encode((writer) => writer.int(2 ** 53 - 1))), 2 ** 53 - 1);
  assert.equal(readMarshal(encode((writer) => writer.int(-(2 ** 31)))), -(2 ** 31));
  assert.deepEqual(readMarshal(encode((writer) => writer.string("\xe9\u20ac"))), "\xe9\u20ac");
});

test("any values in any order come back, however often the buffer grows", () => {
  const latin1 = fc
    .uint8Array({ maxLength: 600, size: "max" })
    .map((bytes) => Buffer.from(bytes).toString("latin1"));
  const value = fc.oneof(
    fc.constant(null),
    fc.integer(),
    latin1,
    fc.uint8Array({ maxLength: 600, size: "max" }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(fc.array(value, { maxLength: 20, size: "max" }), (values) => {
      const bytes = encode((writer) => {
        writer.list(values.length);
        for (const each of values) {
          if (each === null) writer.none();
          else if (typeof each === "number") writer.int(each);
          else if (typeof each === "string") writer.string(each);
          else writer.bytesObject(each, 0, each.length);
        }
      });
      assert.deepEqual(readMarshal(bytes), values);
    }),
  );
});

test("skipped bytes stay where they are when the buffer grows", () => {
  const bytes = encode((writer) => {
    const at = writer.skip(4);
    writer.string("a".repeat(1000));
    writer.bytes.writeUInt32LE(writer.length - 4, at);
  });
  assert.equal(bytes.readUInt32LE(0), bytes.length - 4);
  assert.equal(readMarshal(bytes.subarray(4)), "a".repeat(1000));
});

test("an int that marshal's writer has no form for is refused, not cut", () => {
  assert.throws(() => encode((writer) => writer.int(-(2 ** 31) - 1)), RangeError);
});

test("only short printable ASCII can be interned", () => {
  for (const name of ["", "a".repeat(256), "\xe9", "a\n"]) {
    assert.throws(() => encodeInternedString(name), /invariant/);
  }
});
