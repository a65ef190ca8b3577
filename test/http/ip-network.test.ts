import assert from "node:assert/strict";
import { BlockList, isIPv4 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";

import { formatIpAddress, parseIpAddress } from "../../src/http/ip-address.ts";
import {
  formatIpNetwork,
  type IpNetwork,
  IpNetworks,
  parseIpNetwork,
} from "../../src/http/ip-network.ts";

function network(text: string): IpNetwork {
  const parsed = parseIpNetwork(text);
  assert.ok(parsed.kind === "network", text);
  return parsed.network;
}

function networks(...texts: readonly string[]): IpNetworks {
  return new IpNetworks(
    texts.filter((text) => text !== "*").map((text) => network(text)),
    texts.includes("*"),
  );
}

test("networks, and addresses as networks of one", () => {
  for (const [text, canonical] of [
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["192.0.2.7/32", "192.0.2.7"],
    ["192.0.2.7", "192.0.2.7"],
    ["::/0", "::/0"],
    ["2001:DB8::/32", "2001:db8::/32"],
    ["2001:db8::1/128", "2001:db8::1"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
  ] as const) {
    assert.equal(formatIpNetwork(network(text)), canonical, text);
  }
});

test("what is no network says why, and bits behind the prefix name the right one", () => {
  for (const [text, why] of [
    ["", /is not an IP address or network/],
    ["proxy.example", /is not an IP address or network/],
    ["10.0.0/8", /is not an IP address or network/],
    ["10.0.0.0/", /number of bits/],
    ["10.0.0.0/08", /number of bits/],
    ["10.0.0.0/-1", /number of bits/],
    ["10.0.0.0/255.0.0.0", /number of bits/],
    ["10.0.0.0/33", /out of range: 0 to 32$/],
    ["2001:db8::/129", /out of range: 0 to 128$/],
    ["::ffff:10.0.0.0/8", /out of range: 96 to 128$/],
    ["10.1.2.3/8", /say 10\.0\.0\.0\/8, or 10\.1\.2\.3 for one address$/],
    ["2001:db8::1/33", /say 2001:db8::\/33, or 2001:db8::1 for one address$/],
    ["192.0.2.129/25", /say 192\.0\.2\.128\/25/],
  ] as const) {
    const parsed = parseIpNetwork(text);
    assert.ok(parsed.kind === "refused", text);
    assert.match(parsed.why, why, text);
  }
});

test("contains: at the edges, in both families, with a zone, mapped", () => {
  const list = networks("10.0.0.0/9", "192.0.2.7", "2001:db8:0:8000::/49", "fe80::/10");
  for (const [address, expected] of [
    ["10.0.0.0", true],
    ["10.127.255.255", true],
    ["10.128.0.0", false],
    ["9.255.255.255", false],
    ["::ffff:10.1.1.1", true],
    ["192.0.2.7", true],
    ["192.0.2.6", false],
    ["2001:db8:0:8000::", true],
    ["2001:db8:0:ffff::1", true],
    ["2001:db8:0:7fff::1", false],
    ["2001:db8:1::", false],
    ["fe80::1%2", true],
    ["", false],
    ["unknown", false],
  ] as const) {
    assert.equal(list.contains(address), expected, address);
  }
});

test("* contains everything, and names nobody; nor does a network of all addresses", () => {
  const everybody = networks("*", "0.0.0.0/0", "::/0", "10.0.0.0/8");
  assert.ok(everybody.contains("203.0.113.9") && everybody.contains("2001:db8::1"));
  for (const [text, named] of [
    ["203.0.113.9", false],
    ["2001:db8::1", false],
    ["10.0.0.1", true],
  ] as const) {
    const address = parseIpAddress(text);
    assert.ok(address !== null);
    assert.equal(everybody.names(address), named, text);
  }
  assert.equal(networks().contains("127.0.0.1"), false);
});

const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);
const anyNetwork = fc
  .tuple(address, fc.nat(128))
  .map(([bytes, bits]): IpNetwork => {
    const prefixBits = Math.min(bits, bytes.length * 8);
    const first = bytes.map((byte, index) => {
      const kept = Math.max(0, Math.min(8, prefixBits - index * 8));
      return byte & (0xff00 >> kept);
    });
    return { address: first, prefixBits };
  })
  // A mapped one is an IPv4 network once it has been written down.
  .filter(({ address: first }) => first.length === 4 || first.subarray(0, 12).some((b) => b !== 0));

test("property: parse after format is identity", () => {
  fc.assert(
    fc.property(anyNetwork, (one) => {
      const parsed = network(formatIpNetwork(one));
      assert.deepEqual([...parsed.address], [...one.address]);
      assert.equal(parsed.prefixBits, one.prefixBits);
    }),
  );
});

test("property: contains what node:net's BlockList contains", () => {
  fc.assert(
    fc.property(anyNetwork, address, fc.nat(16), (one, other, same) => {
      // Half of the addresses share bytes with the network, or none would ever lie in it.
      const probe = other.map((byte, index) =>
        index < same ? (one.address[index] ?? byte) : byte,
      );
      const text = formatIpAddress(probe);
      const first = formatIpAddress(one.address);
      if (text.includes("::ffff:")) return;
      const blockList = new BlockList();
      blockList.addSubnet(first, one.prefixBits, isIPv4(first) ? "ipv4" : "ipv6");
      const expected = blockList.check(text, isIPv4(text) ? "ipv4" : "ipv6");
      assert.equal(new IpNetworks([one], false).contains(text), expected, `${text} in ${first}`);
    }),
    { numRuns: 500 },
  );
});
