import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { escapeAndCutForLog, escapeForLog } from "../../src/base/escape.ts";

const CASES: readonly (readonly [text: string, escaped: string])[] = [
  ["GET /a?b=c HTTP/1.1", "GET /a?b=c HTTP/1.1"],
  ["a\r\nb\tc", "a\\r\\nb\\tc"],
  ["\x1b[31mred\x00\x7f", "\\x1b[31mred\\x00\\x7f"],
  ["h\xe4ll\xf6", "h\\xe4ll\\xf6"],
  ["20 \u20ac", "20 \\u20ac"],
  // A client that writes the escape itself must not look like one that sent the character.
  ["\\n", "\\\\n"],
  // The C1 control that some terminals take for ESC [.
  ["\x9b31m", "\\x9b31m"],
];

for (const [text, escaped] of CASES) {
  test(`escapes ${JSON.stringify(text)}`, () => {
    assert.equal(escapeForLog(text), escaped);
  });
}

test("whatever goes in, printable ASCII comes out, and no two texts look the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (left, right) => {
      assert.match(escapeForLog(left), /^[\x20-\x7e]*$/);
      assert.equal(escapeForLog(left) === escapeForLog(right), left === right);
    }),
  );
});

test("a long text is cut by its own length, not by that of its escapes", () => {
  assert.equal(escapeAndCutForLog("\x00\x00\x00", 2), "\\x00\\x00...");
  assert.equal(escapeAndCutForLog("ab", 2), "ab");
});
