import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LineMemory } from "../../../src/server/access-log/line-memory.ts";
import { partOf, RepeatingText } from "../../../src/server/access-log/repeating-text.ts";

const latin1 = fc
  .array(fc.integer({ min: 0, max: 0xff }), { maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes));

/** What is written, and the text that it is. */
const written = fc.oneof(
  latin1.map((text) => ({ write: (memory: LineMemory) => memory.text(text), text })),
  latin1.map((text) => ({ write: (memory: LineMemory) => memory.part(partOf(text)), text })),
  fc
    .oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 9, 10, 999_999_999, 1_000_000_000))
    .map((value) => ({
      write: (memory: LineMemory) => memory.number(value),
      text: String(value),
    })),
);

test("the bytes are what was written, one behind the other, however many", () => {
  fc.assert(
    fc.property(fc.array(written, { maxLength: 400 }), (pieces) => {
      const memory = new LineMemory();
      for (const { write } of pieces) write(memory);
      const text = pieces.map((piece) => piece.text).join("");
      assert.equal(memory.bytes.toString("latin1"), text);
      assert.equal(memory.length, text.length);
    }),
  );
});

test("what is no whole number from 0 on is written as it is", () => {
  const memory = new LineMemory();
  for (const value of [-1, Number.NaN, Infinity, 2 ** 60]) {
    memory.number(value);
    memory.text(" ");
  }
  assert.equal(memory.bytes.toString("latin1"), `-1 NaN Infinity ${2 ** 60} `);
});

test("memory grows, is used again, and forgets what is beyond a length", () => {
  const memory = new LineMemory();
  const line = `${"x".repeat(99)}\n`;
  for (let count = 0; count < 1_000; count++) memory.text(line);
  assert.equal(memory.bytes.toString("latin1"), line.repeat(1_000));
  const { capacity } = memory;
  memory.truncate(100);
  assert.equal(memory.bytes.toString("latin1"), line);
  for (let count = 1; count < 1_000; count++) memory.text(line);
  assert.equal(memory.bytes.toString("latin1"), line.repeat(1_000));
  assert.equal(memory.capacity, capacity);
});

test("text that repeats is written the same the first time, the second and later", () => {
  const memory = new LineMemory();
  const repeating = new RepeatingText();
  for (const text of ["a", "a longer text than that\xff", ""]) {
    repeating.become(text);
    for (let count = 0; count < 3; count++) repeating.write(memory);
    assert.equal(memory.bytes.toString("latin1"), text.repeat(3));
    memory.truncate(0);
  }
});
