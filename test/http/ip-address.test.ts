import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";

import { formatIpAddress, isMappedIPv4, parseIpAddress } from "../../src/http/ip-address.ts";

test("addresses have one text, whatever way they were written", () => {
  const cases: readonly [text: string, canonical: string][] = [
    ["192.0.2.7", "192.0.2.7"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8::0001", "2001:db8::1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::FFFF:c000:0207", "192.0.2.7"],
    ["0:0:0:0:0:ffff:192.0.2.7", "192.0.2.7"],
    ["::192.0.2.7", "::c000:207"],
  ];
  for (const [text, canonical] of cases) {
    const address = parseIpAddress(text);
    assert.ok(address !== null, text);
    assert.equal(formatIpAddress(address), canonical, text);
  }
});

test("what is no address", () => {
  const texts = [
    ..."|1.2.3|1.2.3.4.5|256.1.1.1|01.2.3.4|1.2.3.04|1..2.3|1.2.3.4 | 1.2.3.4|0x7f.1.1.1".split(
      "|",
    ),
    ..."1.2.3.-4|+1.2.3.4|127.1|:|:::|1:|:1|1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9".split("|"),
    ..."1::2::3|12345::|g::|::1%eth0|[::1]|::1:|1:2:3:4:5:6:7:1.2.3.4|::1.2.3|1.2.3.4::".split("|"),
    ..."1:2:3:4:5:6:7:8::|::1:2:3:4:5:6:7:8|::\u0661|\u0661.2.3.4".split("|"),
  ];
  for (const text of texts) assert.equal(parseIpAddress(text), null, text);
});

test("property: takes what node:net takes (without zones), and nothing else", () => {
  const piece = fc.constantFrom(
    "",
    ":",
    "::",
    ".",
    "0",
    "1",
    "ffff",
    "255",
    "256",
    "01",
    "g",
    "1.2.3.4",
  );
  const near = fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(fc.oneof(near, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      if (text.includes("%")) return;
      assert.equal(parseIpAddress(text) !== null, isIP(text) !== 0, text);
    }),
    { numRuns: 3000 },
  );
});

test("property: parse after format is identity", () => {
  const bytes = (length: number) =>
    fc.oneof(
      fc.uint8Array({ minLength: length, maxLength: length }),
      fc
        .array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: length, maxLength: length })
        .map((array) => new Uint8Array(array)),
    );
  fc.assert(
    fc.property(fc.oneof(bytes(4), bytes(16)), (address) => {
      const expected = isMappedIPv4(address) ? address.slice(12) : address;
      const text = formatIpAddress(address);
      assert.ok(isIP(text) !== 0, text);
      assert.deepEqual([...(parseIpAddress(text) ?? [])], [...expected]);
    }),
  );
});
