import assert from "node:assert/strict";
import { isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { parseAuthority } from "../../src/http/authority.ts";

test("RFC 3986 section 3.2: host and port", () => {
  assert.deepEqual(parseAuthority("example.org"), { host: "example.org", port: null });
  assert.deepEqual(parseAuthority("example.org:"), { host: "example.org", port: "" });
  assert.deepEqual(parseAuthority("[::1]:8000"), { host: "[::1]", port: "8000" });
  assert.deepEqual(parseAuthority(""), { host: "", port: null });
  assert.deepEqual(parseAuthority(":80"), { host: "", port: "80" });
});

test("userinfo, other delimiters and ports that are none", () => {
  for (const text of ["u@h", "a b", "a/b", "a:80x", "a:65536", "a:-1", "[::1]80", "[::1", "a]"]) {
    assert.equal(parseAuthority(text), null, text);
  }
});

test("property: takes the IPv6 addresses that node:net takes, and no others", () => {
  const group = fc.constantFrom(
    "",
    "0",
    "1",
    "ffff",
    "12345",
    "g",
    "127.0.0.1",
    "1.2.3",
    "01.1.1.1",
  );
  const address = fc
    .array(group, { minLength: 1, maxLength: 10 })
    .map((groups) => groups.join(":"));
  fc.assert(
    fc.property(fc.oneof(address, fc.ipV6()), (text) => {
      assert.equal(parseAuthority(`[${text}]`) !== null, isIPv6(text), text);
    }),
    { numRuns: 2000 },
  );
});
