import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { BelievedFields } from "../../src/handlers/forwarded-claim.ts";
import { TRUSTING } from "../../src/handlers/provenance.ts";
import { ALL_FIELDS, LOOPBACK, X_FIELDS, read, client, origin } from "./proxied-request.ts";

describe("who is believed", () => {
  const claims = [
    "Forwarded: for=6.6.6.6;proto=https;host=evil.example",
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Port: 1",
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-User: admin",
    "X-Real-IP: 6.6.6.6",
    "CF-Connecting-IP: 6.6.6.6",
    "True-Client-IP: 6.6.6.6",
    "X-Original-URL: /admin",
  ];

  test("a peer that is no proxy of ours: nothing is, and the application sees none of it", () => {
    const provenance = read([...claims, "Accept: a"], { peer: "203.0.113.5" });
    assert.deepEqual(provenance, {
      remoteHost: "203.0.113.5",
      remotePort: "50123",
      scheme: "http",
      host: "shop.portico.dev",
      forwarded: false,
      contradictory: false,
      requestId: null,
      overrides: new Map(claims.map((line) => [line.split(":")[0]?.toLowerCase(), null])),
    });
  });

  test("loopback in both families, mapped IPv4, and whoever reaches a Unix socket", () => {
    for (const peer of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "unix"]) {
      const believed = client(["X-Forwarded-For: 203.0.113.9"], { peer, proxies: LOOPBACK });
      assert.equal(believed, "203.0.113.9", peer);
    }
    for (const peer of ["10.0.0.1", "2001:db8::1", "128.0.0.1"]) {
      const found = client(["X-Forwarded-For: 203.0.113.9"], { peer, proxies: LOOPBACK });
      assert.equal(found, `${peer} 50123`);
    }
  });

  test("a proxy that says nothing leaves what the socket says", () => {
    assert.equal(client([]), "127.0.0.1 50123");
    assert.equal(client([], { peer: "unix" }), "");
    assert.equal(read([]).forwarded, false);
  });

  test("*: every peer, but no address in the list is looked past unless a network names it", () => {
    const line = ["X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.7"];
    const at = { peer: "198.51.100.7" };
    assert.equal(client(line, { ...at, proxies: ["*"] }), "10.0.0.7");
    assert.equal(client(line, { ...at, proxies: ["0.0.0.0/0"] }), "10.0.0.7");
    assert.equal(client(line, { ...at, proxies: ["*", "10.0.0.0/8"] }), "203.0.113.9");
  });
});

describe("X-Forwarded-For", () => {
  test("the rightmost address that is no proxy of ours is the client", () => {
    const cases: readonly [value: string, expected: string, seen: string][] = [
      ["203.0.113.9", "203.0.113.9", "203.0.113.9"],
      ["6.6.6.6, 203.0.113.9", "203.0.113.9", "203.0.113.9"],
      [
        "6.6.6.6, 203.0.113.9, 10.1.1.1, 127.0.0.1",
        "203.0.113.9",
        "203.0.113.9, 10.1.1.1, 127.0.0.1",
      ],
      ['rubbish", 203.0.113.9', "203.0.113.9", "203.0.113.9"],
      ["10.3.3.3, 10.2.2.2", "10.3.3.3", "10.3.3.3, 10.2.2.2"],
      ["203.0.113.9:4711", "203.0.113.9 4711", "203.0.113.9:4711"],
      [
        "[2001:DB8::9]:80, 2001:db8:ffff::1",
        "2001:db8::9 80",
        "[2001:DB8::9]:80, 2001:db8:ffff::1",
      ],
      ["::ffff:203.0.113.9", "203.0.113.9", "::ffff:203.0.113.9"],
      ["6.6.6.6, unknown", "", "unknown"],
      ["6.6.6.6, _hidden, 10.0.0.1", "", "_hidden, 10.0.0.1"],
      // As if the list began behind what cannot be read.
      ["6.6.6.6, rubbish, 10.0.0.1", "10.0.0.1", "10.0.0.1"],
    ];
    for (const [value, expected, seen] of cases) {
      const lines = [`X-Forwarded-For: ${value}`];
      assert.equal(client(lines), expected, value);
      const override = read(lines).overrides.get("x-forwarded-for");
      assert.equal(override === undefined ? value : override, seen, value);
    }
  });

  test("repeated lines are one list", () => {
    const lines = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.9, 10.0.0.1"];
    assert.equal(client(lines), "203.0.113.9");
    assert.equal(read(lines).overrides.get("x-forwarded-for"), "203.0.113.9, 10.0.0.1");
  });

  test("what cannot be read at its right end is not believed, and not seen", () => {
    for (const value of [
      "rubbish",
      "203.0.113.9, rubbish",
      "",
      ",",
      '"203.0.113.9"',
      "evil.example",
    ]) {
      const { remoteHost, overrides } = read([`X-Forwarded-For: ${value}`]);
      assert.equal(remoteHost, "127.0.0.1", value);
      assert.equal(overrides.get("x-forwarded-for"), null, value);
    }
  });

  test("a list of our own proxies that does not end is read to a bound", () => {
    const value = `203.0.113.9${", 10.0.0.1".repeat(1000)}`;
    assert.equal(client([`X-Forwarded-For: ${value}`]), "10.0.0.1");
  });
});

describe("X-Forwarded-Proto", () => {
  const list = (count: number): string =>
    `X-Forwarded-For: 6.6.6.6, 203.0.113.9${", 10.0.0.1".repeat(count - 1)}`;

  test("one value is the proxy's, whichever proxy wrote it", () => {
    for (const [value, scheme] of [
      ["https", "https"],
      ["HTTPS", "https"],
      ["wss", "https"],
      ["http", "http"],
      ["ftp", "http"],
      ["", "http"],
    ] as const) {
      for (const lines of [[], [list(1)], [list(3)]]) {
        const found = read([`X-Forwarded-Proto: ${value}`, ...lines]);
        assert.equal(found.scheme, scheme, value);
        const seen = found.overrides.get("x-forwarded-proto") ?? value.toLowerCase();
        assert.equal(seen, scheme, value);
      }
    }
    assert.equal(read(["X-Forwarded-Proto: http"], { scheme: "https" }).scheme, "http");
  });

  test("of several, the one that stands where the client's address does", () => {
    const cases: readonly [proto: string, proxies: number, scheme: string][] = [
      ["https, http", 1, "http"],
      ["http, https", 1, "https"],
      ["https, http", 2, "https"],
      ["http, https, http", 2, "https"],
      ["https, http, http", 2, "http"],
      // Fewer than proxies: which of them wrote what cannot be told.
      ["https, https", 3, "http"],
    ];
    for (const [proto, proxies, scheme] of cases) {
      assert.equal(read([`X-Forwarded-Proto: ${proto}`, list(proxies)]).scheme, scheme, proto);
    }
    assert.equal(read(["X-Forwarded-Proto: http, https"]).scheme, "https");
  });
});

describe("X-Forwarded-Host", () => {
  test("auto: believed where Host is nothing that the Internet can ask for", () => {
    const line = ["X-Forwarded-Host: www.example:8443"];
    for (const host of [
      "127.0.0.1:8000",
      "localhost:8000",
      "[::1]:8000",
      "web",
      "app_server",
      "web.internal:8000",
      "web.default.svc.cluster.local",
      "example.org",
      "www.Example.com.",
    ]) {
      assert.equal(origin(line, { host }), "http://www.example:8443", host);
    }
    for (const host of ["shop.portico.dev", "internal.portico.dev:8000", "1.2.3.4.dev"]) {
      assert.equal(origin(line, { host }), `http://${host}`);
      assert.equal(read(line, { host }).overrides.get("x-forwarded-host"), host);
    }
    const same = read(["X-Forwarded-Host: SHOP.portico.dev"]);
    assert.equal(same.overrides.has("x-forwarded-host"), false);
  });

  test("named in --forwarded-fields: believed, where it is an authority", () => {
    const at = { believed: X_FIELDS };
    assert.equal(read(["X-Forwarded-Host: www.example"], at).forwarded, true);
    assert.equal(origin(["X-Forwarded-Host: www.example"], at), "http://www.example");
    assert.equal(origin(["X-Forwarded-Host: evil.example, www.example"], at), "http://www.example");
    for (const value of [
      "",
      ":80",
      "user@evil.example",
      "evil.example/path",
      "a b",
      "a:99999",
      "[::g]",
    ]) {
      const lines = [`X-Forwarded-Host: ${value}`];
      assert.equal(origin(lines, at), "http://shop.portico.dev", value);
      assert.equal(read(lines, at).overrides.get("x-forwarded-host"), "shop.portico.dev", value);
    }
  });

  test("X-Forwarded-Port completes a forwarded host, where it is believed", () => {
    const lines = ["X-Forwarded-Host: www.example", "X-Forwarded-Port: 8443"];
    assert.equal(origin(lines, { believed: X_FIELDS }), "http://www.example:8443");
    const withPort = ["X-Forwarded-Host: www.example:1", "X-Forwarded-Port: 8443"];
    assert.equal(origin(withPort, { believed: X_FIELDS }), "http://www.example:1");
    assert.equal(
      origin(["X-Forwarded-Port: 8443"], { believed: X_FIELDS }),
      "http://shop.portico.dev",
    );
    for (const port of ["99999", "x", "-1", ""]) {
      const bad = ["X-Forwarded-Host: www.example", `X-Forwarded-Port: ${port}`];
      assert.equal(origin(bad, { believed: X_FIELDS }), "http://www.example", port);
    }
    const auto = read(lines, { host: "web" });
    assert.deepEqual([auto.host, auto.overrides.get("x-forwarded-port")], ["www.example", "80"]);
    const same = read(["X-Forwarded-Proto: https", "X-Forwarded-Port: 443"]);
    assert.equal(same.overrides.has("x-forwarded-port"), false);
  });

  test("the authority of an absolute-form target goes before all of them", () => {
    const at = { target: "http://target.example/", believed: X_FIELDS };
    assert.equal(origin(["X-Forwarded-Host: www.example"], at), "http://target.example");
  });
});

describe("Forwarded (RFC 7239)", () => {
  test("client, scheme and host of the element that the client's proxy wrote", () => {
    const value =
      'for=6.6.6.6;proto=ftp;host=evil.example, for="203.0.113.9:4711";proto=https;' +
      "host=www.example, for=10.0.0.1;proto=http;host=inner.example";
    const { overrides, ...found } = read([`Forwarded: ${value}`], { host: "127.0.0.1:8000" });
    assert.deepEqual(found, {
      remoteHost: "203.0.113.9",
      remotePort: "4711",
      scheme: "https",
      host: "www.example",
      forwarded: true,
      contradictory: false,
      requestId: null,
    });
    assert.deepEqual([...overrides], [["forwarded", value.slice(value.indexOf('for="203'))]]);
  });

  test("what that proxy does not say, the next one may", () => {
    const value = "for=203.0.113.9, for=10.0.0.1;proto=https;host=www.example";
    assert.equal(origin([`Forwarded: ${value}`], { host: "web" }), "https://www.example");
    assert.equal(client(["Forwarded: proto=https"]), "127.0.0.1 50123");
    assert.equal(client(["Forwarded: proto=https, for=10.0.0.1"]), "10.0.0.1");
  });

  test("a host that a client can have written does not overrule a public Host", () => {
    for (const value of ["host=evil.example", "for=203.0.113.9;proto=https;host=evil.example"]) {
      const found = read([`Forwarded: ${value}`]);
      assert.deepEqual([found.host, found.contradictory], ["shop.portico.dev", false], value);
      assert.equal(found.overrides.get("forwarded"), null);
    }
    const same = read(["Forwarded: for=203.0.113.9;host=Shop.portico.dev"]);
    assert.deepEqual([same.host, [...same.overrides]], ["shop.portico.dev", []]);
    for (const believed of [ALL_FIELDS, TRUSTING]) {
      assert.equal(origin(["Forwarded: host=www.example"], { believed }), "http://www.example");
    }
  });

  test("a client that a proxy does not name has no address", () => {
    for (const node of ["unknown", "_hidden", '"_hidden:80"']) {
      assert.equal(read([`Forwarded: for=6.6.6.6, for=${node}`]).remoteHost, "", node);
    }
  });

  test("what is not believable in it is not believed", () => {
    assert.equal(
      origin(['Forwarded: for=203.0.113.9;proto=gopher;host="a b"']),
      "http://shop.portico.dev",
    );
    for (const value of ["rubbish", "for=203.0.113.9:80", "for=1.1.1.1;for=2.2.2.2", 'for="', ""]) {
      const { remoteHost, overrides } = read([`Forwarded: ${value}`]);
      assert.deepEqual([remoteHost, overrides.get("forwarded")], ["127.0.0.1", null], value);
    }
  });

  test("a quote that a client left open swallows nothing", () => {
    const { remoteHost, overrides } = read([
      'Forwarded: for="6.6.6.6, for=203.0.113.9;proto=https',
    ]);
    assert.equal(remoteHost, "203.0.113.9");
    assert.equal(overrides.get("forwarded"), "for=203.0.113.9;proto=https");
  });
});

describe("both kinds", () => {
  const x = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"];

  test("that agree are believed", () => {
    const found = read([
      "Forwarded: for=6.6.6.6, for=203.0.113.9;proto=https;host=shop.portico.dev",
      ...x,
    ]);
    assert.equal(found.contradictory, false);
    assert.deepEqual([found.remoteHost, found.scheme], ["203.0.113.9", "https"]);
    assert.deepEqual(
      [...found.overrides],
      [["forwarded", "for=203.0.113.9;proto=https;host=shop.portico.dev"]],
    );
  });

  test("that differ in client, scheme or host are contradictory, and none is believed", () => {
    for (const value of [
      "for=6.6.6.6;proto=https",
      "for=203.0.113.9",
      "for=203.0.113.9;proto=http",
      "for=203.0.113.9;proto=https;host=evil.example",
      "for=unknown;proto=https",
      "proto=https",
      "rubbish",
    ]) {
      const found = read([`Forwarded: ${value}`, ...x]);
      assert.equal(found.contradictory, true, value);
      assert.deepEqual(
        [found.remoteHost, found.scheme, found.host],
        ["127.0.0.1", "http", "shop.portico.dev"],
      );
      assert.deepEqual([...found.overrides.values()], [null, null, null]);
    }
  });

  test("a kind that is not named in --forwarded-fields neither counts nor is seen", () => {
    const forwarded = "Forwarded: for=6.6.6.6;proto=http;host=evil.example";
    const byX = read([forwarded, ...x], { believed: X_FIELDS });
    assert.deepEqual([byX.contradictory, byX.remoteHost], [false, "203.0.113.9"]);
    assert.equal(byX.overrides.get("forwarded"), null);
    const only: BelievedFields = {
      forwarded: true,
      forwardedHost: true,
      xForwardedFor: false,
      xForwardedProto: false,
      xForwardedHost: false,
      xForwardedPort: false,
    };
    const byForwarded = read(["Forwarded: for=203.0.113.9", "X-Forwarded-For: 6.6.6.6"], {
      believed: only,
    });
    assert.deepEqual([byForwarded.contradictory, byForwarded.remoteHost], [false, "203.0.113.9"]);
    assert.equal(byForwarded.overrides.get("x-forwarded-for"), null);
  });
});

test("other fields of a trusted proxy are between it and the application", () => {
  const { overrides } = read(["X-Real-IP: 203.0.113.9", "X-Forwarded-Prefix: /shop"]);
  assert.deepEqual([...overrides], []);
});

describe("what the request is called", () => {
  const id = (value: string, peer = "127.0.0.1"): string | null =>
    read([`X-Request-ID: ${value}`], { peer, proxies: LOOPBACK }).requestId;

  test("a proxy of ours names it, nobody else", () => {
    assert.equal(id("abc-1"), "abc-1");
    assert.equal(id("abc-1", "203.0.113.5"), null);
    const beside = ["X-Request-ID: abc-1", "X-Forwarded-For: 203.0.113.9"];
    assert.equal(read(beside).requestId, "abc-1");
    assert.equal(read(beside).remoteHost, "203.0.113.9");
    const contradictory = [...beside, "Forwarded: for=203.0.113.10"];
    assert.equal(read(contradictory).contradictory, true);
    assert.equal(read(contradictory).requestId, "abc-1");
    assert.equal(read(["X-Forwarded-For: 203.0.113.9"]).requestId, null);
  });

  test("only a token of 128 characters at most is one", () => {
    assert.equal(id("x".repeat(128)), "x".repeat(128));
    for (const value of ["", "x".repeat(129), "a b", "a,b", "<b>", "caf\u00e9", 'a"b']) {
      assert.equal(id(value), null, value);
    }
    assert.equal(read(["X-Request-ID: a", "X-Request-ID: b"]).requestId, null, "which of them?");
  });

  test("else it is called as its trace, where a proxy of ours says so", () => {
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const traceparent = `traceparent: 00-${traceId}-00f067aa0ba902b7-01`;
    assert.equal(read([traceparent]).requestId, traceId);
    assert.equal(read([traceparent, "X-Request-ID: abc-1"]).requestId, "abc-1");
    assert.equal(read([traceparent, "X-Request-ID: a b"]).requestId, traceId);
    assert.equal(read(["traceparent: 00-abc-1"]).requestId, null);
    assert.equal(read([traceparent, traceparent]).requestId, null, "which of them?");
    const stranger = { peer: "203.0.113.5", proxies: LOOPBACK };
    assert.equal(read([traceparent], stranger).requestId, null);
  });
});
