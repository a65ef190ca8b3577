import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OperatorError } from "../../src/base/errors.ts";
import {
  type BindAddress,
  formatBindAddress,
  isSameAddress,
  type NamedAddress,
  parseBindAddress,
  resolveBindAddress,
  takesAddress,
} from "../../src/net/bind-address.ts";
import { listenError } from "../../src/net/listen-error.ts";

function tcp(host: string, port: number): BindAddress {
  return { kind: "tcp", host, port };
}

describe("parseBindAddress", () => {
  const accepted: readonly (readonly [string, BindAddress])[] = [
    ["127.0.0.1:8000", tcp("127.0.0.1", 8000)],
    [":8000", tcp("0.0.0.0", 8000)],
    ["8000", tcp("127.0.0.1", 8000)],
    ["[::1]:8000", tcp("::1", 8000)],
    ["[::]:0", tcp("::", 0)],
    ["[fe80::1%eth0]:80", tcp("fe80::1%eth0", 80)],
    ["my-host.example.com:65535", tcp("my-host.example.com", 65_535)],
    ["unix:/run/a b.sock", { kind: "unix", path: "/run/a b.sock" }],
    ["unix:relative", { kind: "unix", path: "relative" }],
  ];
  for (const [text, address] of accepted) {
    it(`understands ${text}`, () => assert.deepEqual(parseBindAddress(text), address));
  }

  const refused: readonly (readonly [string, RegExp])[] = [
    ["", /the port is missing/],
    ["localhost", /the port is missing, as in localhost:8000/],
    ["localhost:", /"" is no port/],
    ["localhost:http", /"http" is no port \(0 to 65535\)/],
    ["127.0.0.1:65536", /"65536" is no port/],
    ["127.0.0.1:-1", /"-1" is no port/],
    ["99999", /is no port/],
    ["::1", /in brackets, with a port: \[::1\]:8000/],
    ["[::1]", /is no host|no port/],
    ["[localhost]:80", /localhost is no IPv6 address/],
    ["http://127.0.0.1:80", /has no scheme/],
    ["https://127.0.0.1:443", /https is spoken by what stands in front/],
    ["a b:80", /is no host/],
    ["unix:", /the path is missing/],
    [`unix:/${"x".repeat(107)}`, /at most 107 bytes long, this is 108/],
  ];
  for (const [text, why] of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
      assert.throws(
        () => parseBindAddress(text),
        (error) =>
          error instanceof OperatorError && error.exitStatus === 2 && why.test(error.message),
      );
    });
  }
});

describe("resolveBindAddress", () => {
  it("takes addresses as they are", async () => {
    const four = { family: "inet", host: "127.0.0.1", port: 1 };
    assert.deepEqual(await resolveBindAddress(tcp("127.0.0.1", 1)), four);
    assert.deepEqual(await resolveBindAddress(tcp("::1", 2)), {
      family: "inet6",
      host: "::1",
      port: 2,
    });
    assert.deepEqual(await resolveBindAddress({ kind: "unix", path: "/s" }), {
      family: "unix",
      path: "/s",
    });
  });

  it("resolves a name", async () => {
    const found = await resolveBindAddress(tcp("localhost", 80));
    assert.ok(found.family !== "unix" && ["127.0.0.1", "::1"].includes(found.host));
  });
});

describe("formatBindAddress", () => {
  for (const text of ["127.0.0.1:80", "[::1]:80", "name:80", "unix:/s"]) {
    it(`writes ${text} as it was read`, () => {
      assert.equal(formatBindAddress(parseBindAddress(text)), text);
    });
  }
});

describe("listenError", () => {
  it("names the address and a remedy for each failure", () => {
    const low = { family: "inet", host: "0.0.0.0", port: 80 } as const;
    const high = { family: "inet6", host: "::", port: 8000 } as const;
    const file = { family: "unix", path: "/srv/s" } as const;
    const cases = [
      [
        low,
        "EACCES",
        "cannot listen on 0.0.0.0:80: ports below 1024 need the capability CAP_NET_BIND_SERVICE",
      ],
      [high, "EACCES", "cannot listen on [::]:8000: the system does not permit it"],
      [high, "EAFNOSUPPORT", "cannot listen on [::]:8000: this system has no IPv6"],
      [high, "EMFILE", "cannot listen on [::]:8000: no descriptor is left (EMFILE); raise"],
      [high, "ENODEV", "cannot listen on [::]:8000: the system refused (ENODEV); choose"],
      [
        file,
        "EACCES",
        "cannot listen on unix:/srv/s: no permission to make or use that file (EACCES)",
      ],
      [file, "ENOENT", "cannot listen on unix:/srv/s: there is no folder /srv; make it"],
      [file, "ENOSPC", "cannot listen on unix:/srv/s: the system refused (ENOSPC)"],
    ] as const;
    for (const [address, code, begin] of cases) {
      const error = listenError(address, code);
      assert.equal(error.exitStatus, 1);
      assert.ok(error.message.startsWith(begin), error.message);
      assert.match(error.message, /; /);
    }
  });
});

describe("two addresses", () => {
  const named = (text: string): NamedAddress => {
    const address = parseBindAddress(text);
    assert(address.kind !== "descriptor");
    return address;
  };

  it("are the same, however they are written", () => {
    for (const [one, other] of [
      ["8000", "127.0.0.1:8000"],
      ["8000", "LOCALHOST:8000"],
      ["[::1]:80", "[0:0:0::1]:80"],
      ["a.example:80", "A.example:80"],
      ["[fe80::1%eth0]:80", "[fe80::1%eth0]:80"],
      ["unix:/run/../run/x", "unix:/run/x"],
    ] as const) {
      assert.ok(isSameAddress(named(one), named(other)), `${one} ${other}`);
      assert.ok(takesAddress(named(one), named(other)), `${one} ${other}`);
    }
  });

  it("are not, where the kernel tells them apart", () => {
    for (const [one, other] of [
      ["8000", "8001"],
      ["127.0.0.1:0", "127.0.0.1:0"],
      ["127.0.0.1:80", "127.0.0.2:80"],
      ["127.0.0.1:80", "[::1]:80"],
      [":80", "[::1]:80"],
      // The second one leaves IPv4 to the first.
      [":80", "[::]:80"],
      ["unix:/run/x", "unix:/run/y"],
      ["unix:/run/x", "8000"],
    ] as const) {
      assert.ok(!takesAddress(named(one), named(other)), `${one} ${other}`);
    }
  });

  it("one of which is of all interfaces take each other's place", () => {
    for (const [one, other] of [
      [":80", "127.0.0.1:80"],
      ["127.0.0.1:80", ":80"],
      ["a.example:80", ":80"],
      ["[::]:80", "127.0.0.1:80"],
      ["[::]:80", ":80"],
      ["[::1]:80", "[::]:80"],
    ] as const) {
      assert.ok(takesAddress(named(one), named(other)), `${one} ${other}`);
      assert.ok(!isSameAddress(named(one), named(other)), `${one} ${other}`);
    }
  });
});
