import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  decodeSockaddr,
  encodeSockaddr,
  formatAddress,
  type SocketAddress,
  unmapIPv4,
} from "../../src/os/socket-address.ts";

function inet6(host: string): SocketAddress {
  return { family: "inet6", host, port: 8080 };
}

describe("socket addresses", () => {
  const texts: readonly (readonly [SocketAddress, string])[] = [
    [{ family: "inet", host: "127.0.0.1", port: 80 }, "127.0.0.1:80"],
    [inet6("::1"), "[::1]:8080"],
    [{ family: "unix", path: "/run/a.sock" }, "unix:/run/a.sock"],
    [{ family: "unix", path: "" }, "unix:"],
  ];
  for (const [address, text] of texts) {
    it(`writes ${text}`, () => assert.equal(formatAddress(address), text));
  }

  it("encodes an IPv4 address as the kernel wants it", () => {
    const bytes = encodeSockaddr({ family: "inet", host: "192.0.2.7", port: 0x1f90 });
    assert.equal(Buffer.from(bytes).toString("hex"), "02001f90c00002070000000000000000");
  });

  it("encodes a path with its NUL", () => {
    const bytes = encodeSockaddr({ family: "unix", path: "/a" });
    assert.equal(Buffer.from(bytes).toString("hex"), "01002f6100");
  });

  const roundTrips = [
    "::",
    "::1",
    "1::",
    "2001:db8::1",
    "2001:db8:0:1:1:1:1:1",
    "1:0:0:2::3",
    "fe80::1%3",
    "ff02::1:2",
    "1:2:3:4:5:6:7:8",
  ];
  for (const host of roundTrips) {
    it(`decodes what it encodes: ${host}`, () => {
      const bytes = Buffer.from(encodeSockaddr(inet6(host)));
      assert.deepEqual(decodeSockaddr(bytes, bytes.length), inet6(host));
    });
  }

  it("writes one address in one way (RFC 5952)", () => {
    const given = ["2001:DB8::0:1", "2001:0db8:0000::0001", "2001:db8:0:0:0:0:0:1"];
    for (const host of given) {
      const bytes = Buffer.from(encodeSockaddr(inet6(host)));
      assert.deepEqual(decodeSockaddr(bytes, bytes.length), inet6("2001:db8::1"));
    }
  });

  it("takes an IPv4 client of an IPv6 socket for what it is", () => {
    const expected = { family: "inet", host: "192.0.2.9", port: 8080 };
    const bytes = Buffer.from(encodeSockaddr(inet6("::ffff:192.0.2.9")));
    assert.deepEqual(decodeSockaddr(bytes, bytes.length), expected);
    assert.deepEqual(unmapIPv4(inet6("::ffff:192.0.2.9")), expected);
    assert.deepEqual(unmapIPv4(inet6("::1")), inet6("::1"));
  });

  it("decodes a socket without a name, and one with", () => {
    assert.deepEqual(decodeSockaddr(Buffer.alloc(128), 2), { family: "unix", path: "" });
    assert.deepEqual(decodeSockaddr(Buffer.alloc(128), 0), { family: "unix", path: "" });
    const bytes = Buffer.alloc(128);
    Buffer.from(encodeSockaddr({ family: "unix", path: "/tmp/ä" })).copy(bytes);
    assert.deepEqual(decodeSockaddr(bytes, 10), { family: "unix", path: "/tmp/ä" });
  });

  it("refuses what is no address", () => {
    for (const host of ["", "1:2", "1:2:3:4:5:6:7:8:9", "g::", "12345::"]) {
      assert.throws(() => encodeSockaddr(inet6(host)), /IPv6 address/, host);
    }
    assert.throws(() => encodeSockaddr({ family: "inet", host: "localhost", port: 1 }), /IPv4/);
    assert.throws(() => encodeSockaddr({ family: "unix", path: "/".repeat(108) }), /fits/);
  });
});
