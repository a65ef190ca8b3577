import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hexDigit, percentDecode, splitQuery } from "../../src/http/target.ts";

test("RFC 3986 section 2.1: octets are decoded, once, in either case", () => {
  assert.equal(percentDecode("/a%20b%2Fc%2f"), "/a b/c/");
  assert.equal(percentDecode("/%C3%A9"), "/\u00c3\u00a9");
  assert.equal(percentDecode("/%2541"), "/%41");
  assert.equal(percentDecode("/%00%ff"), "/\0\u00ff");
});

test("what is no encoding stays as it is", () => {
  for (const path of ["/%", "/%4", "/%zz", "/%%", "/100%", "/%4g"]) {
    assert.equal(percentDecode(path), path);
  }
  assert.equal(percentDecode("/%%41%4"), "/%A%4");
  assert.equal(percentDecode("/%4%41"), "/%4A");
});

test("property: encoding every byte and decoding is identity", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString("latin1");
      const encoded = Buffer.from(bytes).toString("hex").replace(/../g, "%$&");
      assert.equal(percentDecode(encoded), text);
    }),
  );
});

test("hexadecimal digits, and no other character", () => {
  const digits = Array.from({ length: 256 }, (_, code) => code).filter((code) => {
    return hexDigit(code) !== -1;
  });
  assert.equal(String.fromCharCode(...digits), "0123456789ABCDEFabcdef");
  assert.deepEqual(
    digits.map(hexDigit),
    [...digits].map((code) => Number.parseInt(String.fromCharCode(code), 16)),
  );
});

test("RFC 3986 section 3.4: the first question mark begins the query", () => {
  assert.deepEqual(splitQuery("/a?b?c"), { path: "/a", query: "b?c" });
  assert.deepEqual(splitQuery("/a?"), { path: "/a", query: "" });
  assert.deepEqual(splitQuery("/a"), { path: "/a", query: "" });
});
