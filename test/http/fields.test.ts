import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fieldSeparator, isToken, listMembers, trimOws } from "../../src/http/fields.ts";

test("RFC 9110 section 5.6.2: tokens", () => {
  for (const token of ["a", "GET", "!#$%&'*+-.^_`|~09azAZ"]) assert.ok(isToken(token), token);
  for (const text of ["", " ", "a b", "a:", "a\0", "(", "\u00e9", "\u0130", "a\r"]) {
    assert.ok(!isToken(text), JSON.stringify(text));
  }
});

test("RFC 9110 section 5.6.1: empty list members are ignored", () => {
  assert.deepEqual(listMembers("a, b ,,\tc , "), ["a", "b", "c"]);
  assert.deepEqual(listMembers(""), []);
  assert.deepEqual(listMembers(" , ,"), []);
});

test("RFC 9110 section 5.6.4: a comma in a quoted string does not part members", () => {
  assert.deepEqual(listMembers('a="1,2", b="\\",", c'), ['a="1,2"', 'b="\\","', "c"]);
  assert.deepEqual(listMembers('a="never, closed'), ['a="never, closed']);
  assert.deepEqual(listMembers('a="\\'), ['a="\\']);
});

test("property: joining tokens and dividing them again is identity", () => {
  const token = fc.stringMatching(/^[!#-'*+.^_`|~\w-]+$/);
  fc.assert(
    fc.property(fc.array(token), fc.constantFrom(",", ", ", " ,\t", ",,"), (tokens, separator) => {
      assert.deepEqual(listMembers(tokens.join(separator)), tokens);
    }),
  );
});

test("RFC 9110 section 5.6.3: optional white space is spaces and tabs only", () => {
  assert.equal(trimOws(" \t a b\t "), "a b");
  assert.equal(trimOws("\u00a0a\u000b"), "\u00a0a\u000b");
  assert.equal(trimOws(" \t"), "");
});

test("cookies are combined by a semicolon, everything else by a comma", () => {
  assert.equal(fieldSeparator("cookie"), "; ");
  assert.equal(fieldSeparator("accept"), ", ");
});
