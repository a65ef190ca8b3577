/** The PROXY protocol's receiver: every vector, cut in every way, and what holds for any bytes. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { formatIpAddress } from "../../src/http/ip-address.ts";
import { crc32c } from "../../src/net/crc32c.ts";
import type { ProxyProtocol } from "../../src/net/proxy-header.ts";
import { PROXY_VIOLATIONS, type ProxyViolationCode } from "../../src/net/proxy-header-result.ts";
import { CUTS, cutAt } from "../http1/cut-and-replay.ts";
import {
  type InetAddress,
  proxyBlock,
  proxyHeader,
  proxyLine,
  slowCrc32c,
  TLS_RECORD,
  type Tlv,
  type UnixAddress,
  withChecksum,
} from "./proxy-header-encoder.ts";
import { acceptVectors, rejectVectors, replay, VECTORS_FOLDER } from "./proxy-header-vectors.ts";

const RANDOM_CUTS = 8;
const PROTOCOLS: readonly ProxyProtocol[] = ["v1", "v2", "auto"];

const accepted = acceptVectors();
const rejected = rejectVectors();

function forEachCut(bytes: Buffer, replayed: (way: string, pieces: Buffer[]) => void): void {
  for (const [way, cut] of Object.entries(CUTS)) {
    const seeds = way === "at random" ? RANDOM_CUTS : 1;
    for (let seed = 0; seed < seeds; seed++) replayed(`${way}, seed ${seed}`, cut(bytes, seed));
  }
}

test("there are vectors, each a pair of files with a section and a note", () => {
  assert.ok(accepted.length >= 50 && rejected.length >= 100);
  for (const { name, section, note, protocols } of [...accepted, ...rejected]) {
    assert.ok(name.startsWith(`${section}-`), name);
    assert.ok(note.length > 0 && protocols.length > 0, name);
  }
  for (const kind of ["accept", "reject"]) {
    const files = readdirSync(join(VECTORS_FOLDER, kind));
    const names = new Set(files.map((file) => file.replace(/\.(?:bin|json)$/, "")));
    assert.equal(files.length, 2 * names.size);
  }
});

test("each violation is shown by a vector, but for the one that needs a clock", () => {
  const shown = new Set(rejected.map(({ code }) => code));
  assert.deepEqual(
    Object.keys(PROXY_VIOLATIONS).filter((code) => !shown.has(code as ProxyViolationCode)),
    ["PROXY_HEADER_LATE"],
  );
});

for (const { name, note, bytes, protocols, header, restBytes } of accepted) {
  test(`accept ${name}: ${note}`, () => {
    const rest = bytes.subarray(bytes.length - restBytes);
    for (const protocol of protocols) {
      forEachCut(bytes, (way, pieces) => {
        assert.deepEqual(replay(pieces, protocol), { header, rest }, `${protocol}, ${way}`);
      });
    }
  });
}

for (const { name, note, bytes, protocols, code } of rejected) {
  test(`reject ${name}: ${note}`, () => {
    for (const protocol of protocols) {
      forEachCut(bytes, (way, pieces) => {
        assert.deepEqual(replay(pieces, protocol), { code }, `${protocol}, ${way}`);
      });
    }
  });
}

test("the checksum is the one of RFC 9260, also in parts", () => {
  const digits = Buffer.from("123456789");
  assert.equal(crc32c(digits, 0, digits.length), 0xe3069283);
  assert.equal(crc32c(digits, 4, 9, crc32c(digits, 0, 4)), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32), 0, 32), 0x8a9136aa);
});

const port = fc.integer({ min: 0, max: 65_535 });
const PLAIN = { noNullPrototype: true } as const;
const ipv4: fc.Arbitrary<InetAddress> = fc.record(
  { family: fc.constant("inet" as const), host: fc.ipV4(), port },
  PLAIN,
);
const ipv6: fc.Arbitrary<InetAddress> = fc.record(
  {
    family: fc.constant("inet6" as const),
    // An address of this network is never an IPv4 one in disguise.
    host: fc
      .uint8Array({ minLength: 14, maxLength: 14 })
      .map((bytes) => formatIpAddress(Uint8Array.of(0x20, 0x01, ...bytes))),
    port,
  },
  PLAIN,
);
const unix: fc.Arbitrary<UnixAddress> = fc.record(
  { family: fc.constant("unix" as const), path: fc.stringMatching(/^[a-z/]{0,107}$/) },
  PLAIN,
);
const inetPair = fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6));
const anyPair = fc.oneof(inetPair, fc.tuple(unix, unix));
/** Records of types that say nothing to the reader. */
const otherTlv: fc.Arbitrary<Tlv> = fc.tuple(
  fc.constantFrom(0x01, 0x02, 0x04, 0x05, 0x30, 0xe0, 0xff),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
);
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), {
  maxLength: 6,
});

function cutAtParts(bytes: Buffer, parts: readonly number[]): Buffer[] {
  const positions = parts.map((part) => Math.floor(part * bytes.length));
  return cutAt(
    bytes,
    positions.toSorted((a, b) => a - b),
  );
}

test("what a proxy writes in version 1 is read back, however it is cut", () => {
  fc.assert(
    fc.property(inetPair, fc.uint8Array(), cuts, ([remote, local], behind, parts) => {
      const rest = Buffer.from(behind);
      const pieces = cutAtParts(Buffer.concat([proxyLine(remote, local), rest]), parts);
      const expected = { header: { kind: "client", remote, local, scheme: "http" }, rest };
      assert.deepEqual(replay(pieces, "v1"), expected);
      assert.deepEqual(replay(pieces, "auto"), expected);
    }),
  );
});

test("what a proxy writes in version 2 is read back, with any records behind it", () => {
  const facts = fc.record({
    pair: anyPair,
    before: fc.array(otherTlv, { maxLength: 3 }),
    behind: fc.array(otherTlv, { maxLength: 3 }),
    overTls: fc.boolean(),
    checked: fc.boolean(),
  });
  fc.assert(
    fc.property(facts, fc.uint8Array(), cuts, (given, behind, parts) => {
      const [remote, local] = given.pair;
      const tlvs = [...given.before, ...(given.overTls ? [TLS_RECORD] : []), ...given.behind];
      const write = given.checked ? withChecksum : proxyHeader;
      const rest = Buffer.from(behind);
      const pieces = cutAtParts(Buffer.concat([write(remote, local, tlvs), rest]), parts);
      const scheme = given.overTls ? "https" : "http";
      const expected = { header: { kind: "client", remote, local, scheme }, rest };
      assert.deepEqual(replay(pieces, "v2"), expected);
      assert.deepEqual(replay(pieces, "auto"), expected);
    }),
  );
});

test("a checksum finds every flipped bit behind the fixed part", () => {
  fc.assert(
    fc.property(anyPair, fc.nat(), ([remote, local], place) => {
      const header = withChecksum(remote, local);
      const bit = place % ((header.length - 16) * 8);
      const at = 16 + (bit >> 3);
      header.writeUInt8((header[at] ?? 0) ^ (1 << (bit & 7)), at);
      const result = replay([header], "v2");
      // The record's own type or length may be what was changed: then it is no checksum any more.
      const inRecordHead = at >= header.length - 7 && at < header.length - 4;
      if (!inRecordHead) assert.deepEqual(result, { code: "PROXY_CHECKSUM" });
    }),
  );
});

test("checksums in parts and bit by bit are the same", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(), (bytes, place) => {
      const middle = place % (bytes.length + 1);
      const parts = crc32c(bytes, middle, bytes.length, crc32c(bytes, 0, middle));
      assert.equal(parts, slowCrc32c(bytes));
    }),
  );
});

/** Near misses: pieces of headers, and headers of version 2 with any field wrong. */
const nearMiss = fc.oneof(
  fc
    .array(
      fc.constantFrom(
        "PROXY",
        " ",
        "TCP4",
        "TCP6",
        "UNKNOWN",
        "192.0.2.7",
        "::1",
        "443",
        "0",
        "\r",
        "\n",
        "\r\n",
        "\r\n\r\n\0\r\nQUIT\n",
        "G",
      ),
      { maxLength: 14 },
    )
    .map((parts) => Buffer.from(parts.join(""), "latin1")),
  fc
    .tuple(fc.nat(15), fc.nat(255), fc.uint8Array({ maxLength: 260 }), fc.uint8Array())
    .map(([command, family, block, behind]) =>
      Buffer.concat([proxyBlock(command, family, Buffer.from(block)), behind]),
    ),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
);

test("any bytes come to the same however they are cut, nothing is thrown, nothing is lost", () => {
  fc.assert(
    fc.property(nearMiss, cuts, fc.constantFrom(...PROTOCOLS), (bytes, parts, protocol) => {
      const whole = replay([bytes], protocol);
      assert.deepEqual(replay(cutAtParts(bytes, parts), protocol), whole);
      assert.deepEqual(replay(CUTS["by byte"]?.(bytes, 0) ?? [], protocol), whole);
      if ("code" in whole) return;
      const headerBytes = bytes.length - whole.rest.length;
      assert.ok(bytes.subarray(headerBytes).equals(whole.rest));
      assert.equal(whole.header === null, headerBytes === 0);
    }),
    { numRuns: 500 },
  );
});
