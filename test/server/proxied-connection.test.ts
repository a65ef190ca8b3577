/** Connections that begin with a PROXY header, as the server takes them. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { ProvenanceReader } from "../../src/handlers/provenance.ts";
import { IpNetworks, parseIpNetwork } from "../../src/http/ip-network.ts";
import type { ProxyProtocol } from "../../src/net/proxy-header.ts";
import { type HttpServerSettings, SWEEP_INTERVAL_MS } from "../../src/server/http-server.ts";
import type { SocketAddress } from "../../src/os/socket-address.ts";
import type { MemoryStream } from "../net/memory-stream.ts";
import type { MemoryListener } from "../net/memory-transport.ts";
import { proxyBlock, proxyHeader, proxyLine, TLS_RECORD } from "../net/proxy-header-encoder.ts";
import { get, SETTINGS } from "./connection-fixture.ts";
import { readResponse } from "./response-reader.ts";
import { isSettled, look, ServerFixture } from "./server-fixture.ts";

const PROXY: SocketAddress = { family: "inet", host: "10.0.0.1", port: 40_000 };
const CLIENT = { family: "inet", host: "192.0.2.7", port: 56_324 } as const;
const OTHER_CLIENT = { family: "inet", host: "192.0.2.8", port: 56_325 } as const;
const INNER_PROXY = { family: "inet", host: "10.0.0.2", port: 41_000 } as const;
const SITE = { family: "inet", host: "198.51.100.1", port: 443 } as const;
const FORGED = get("/", "X-Forwarded-For: 203.0.113.9\r\n");

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

function networks(...texts: readonly string[]): IpNetworks {
  const parsed = texts
    .filter((text) => text !== "*")
    .map((text) => parseIpNetwork(text))
    .flatMap((result) => (result.kind === "network" ? [result.network] : []));
  return new IpNetworks(parsed, texts.includes("*"));
}

const TRUSTING: Partial<HttpServerSettings> = {
  provenance: new ProvenanceReader(networks("10.0.0.0/8")),
};

interface Site {
  readonly fixture: ServerFixture;
  readonly listener: MemoryListener;
}

async function serve(
  proxyProtocol: ProxyProtocol | null,
  settings: Partial<HttpServerSettings> = {},
): Promise<Site> {
  const fixture = new ServerFixture({ ...TRUSTING, proxyProtocol, ...settings });
  return { fixture, listener: await fixture.listen() };
}

/** Whom the request with that place came from, as far as it was believed. */
function clientOf({ fixture }: Site, place = 0): string {
  return fixture.handler.answerAt(place).request.provenance.remoteHost;
}

function v2(client: SocketAddress, rest: string): Buffer {
  return Buffer.concat([proxyHeader(client, SITE), Buffer.from(rest, "latin1")]);
}

function answered(stream: MemoryStream): number {
  return readResponse(stream.received).status;
}

test("the ends of the connection are those of the header, not of the socket", async () => {
  const site = await serve("v1");
  const stream = site.listener.connect(PROXY);
  stream.deliver(Buffer.concat([proxyLine(CLIENT, SITE), Buffer.from(get("/"))]));
  assert.deepEqual(site.fixture.handler.endpoints, [
    { remote: CLIENT, local: SITE, scheme: "http", remoteIsProxy: false },
  ]);
  assert.equal(clientOf(site), "192.0.2.7");
  site.fixture.handler.answerAt(0).answer("hello");
  assert.equal(answered(stream), 200);
  stream.deliver(get("/again"));
  assert.equal(clientOf(site, 1), "192.0.2.7", "the header holds for the whole connection");
});

test("header and request may come in any pieces", async () => {
  for (const size of [1, 2, 27, 28, 29, 1_000]) {
    const site = await serve("v2");
    const stream = site.listener.connect(PROXY);
    stream.deliverInPieces(v2(CLIENT, get("/")), size);
    assert.equal(clientOf(site), "192.0.2.7");
    assert.equal(site.fixture.server.connectionCount, 1);
    stream.break();
    assert.equal(site.fixture.server.connectionCount, 0);
  }
});

test("a client that came over TLS has https", async () => {
  const site = await serve("v2");
  const stream = site.listener.connect(PROXY);
  stream.deliver(Buffer.concat([proxyHeader(CLIENT, SITE, [TLS_RECORD]), Buffer.from(get("/"))]));
  assert.equal(site.fixture.handler.answerAt(0).request.provenance.scheme, "https");
});

test("a health check's connection keeps the ends that it has", async () => {
  const site = await serve("v2");
  const stream = site.listener.connect(PROXY);
  stream.deliver(Buffer.concat([proxyBlock(0, 0, Buffer.alloc(0)), Buffer.from(get("/"))]));
  assert.equal(clientOf(site), "10.0.0.1");
  assert.deepEqual(site.fixture.handler.endpoints[0]?.local, stream.localAddress);
});

test("what is required and is not there ends the connection without a word", async () => {
  const notV1: readonly (Buffer | string)[] = [
    get("/"),
    v2(CLIENT, get("/")),
    "PROXY nonsense\r\n",
  ];
  for (const bytes of notV1) {
    const site = await serve("v1");
    const stream = site.listener.connect(PROXY);
    stream.deliver(bytes);
    assert.ok(stream.closed);
    assert.equal(stream.received.length, 0);
    assert.equal(site.fixture.handler.answers.length, 0);
    assert.equal(site.fixture.server.connectionCount, 0);
    assert.match(site.fixture.log.lines.join(), /refused.*10\.0\.0\.1:40000.*PROXY_/);
  }
});

test("auto takes either version, or none", async () => {
  const site = await serve("auto");
  const beginnings = [proxyLine(CLIENT, SITE), proxyHeader(CLIENT, SITE), Buffer.alloc(0)];
  for (const beginning of beginnings) {
    site.listener.connect(PROXY).deliver(Buffer.concat([beginning, Buffer.from(get("/"))]));
  }
  assert.deepEqual(
    [0, 1, 2].map((place) => clientOf(site, place)),
    ["192.0.2.7", "192.0.2.7", "10.0.0.1"],
  );
});

test("from a stranger a header is a malformed request, and never believed", async () => {
  for (const protocol of ["v1", "v2", "auto", null] as const) {
    for (const header of [proxyLine(CLIENT, SITE), proxyHeader(CLIENT, SITE)]) {
      const site = await serve(protocol);
      const stream = site.listener.connect(OTHER_CLIENT);
      stream.deliver(Buffer.concat([header, Buffer.from(get("/"))]));
      assert.equal(answered(stream), 400);
      assert.ok(stream.sawEnd);
      assert.equal(site.fixture.handler.answers.length, 0);
    }
  }
});

test("a stranger needs no header, and a peer on a Unix socket is no stranger", async () => {
  const site = await serve("v2");
  site.listener.connect(OTHER_CLIENT).deliver(get("/"));
  assert.equal(clientOf(site), "192.0.2.8");
  site.listener.connect({ family: "unix", path: "" }).deliver(v2(CLIENT, get("/")));
  assert.equal(clientOf(site, 1), "192.0.2.7");
});

test("fields are believed only where the proxied address is a proxy's, too", async () => {
  const site = await serve("v2");
  site.listener.connect(PROXY).deliver(v2(CLIENT, FORGED));
  assert.equal(clientOf(site), "192.0.2.7");
  site.listener.connect(PROXY).deliver(v2(INNER_PROXY, FORGED));
  assert.equal(clientOf(site, 1), "203.0.113.9");
});

test("a client whom the proxy cannot name is not believed in the proxy's place", async () => {
  const site = await serve("auto");
  const nameless = [
    Buffer.from("PROXY UNKNOWN\r\n"),
    proxyBlock(1, 0, Buffer.alloc(0)),
    proxyHeader({ family: "unix", path: "/run/client" }, { family: "unix", path: "/run/proxy" }),
  ];
  for (const [place, header] of nameless.entries()) {
    site.listener.connect(PROXY).deliver(Buffer.concat([header, Buffer.from(FORGED)]));
    assert.notEqual(clientOf(site, place), "203.0.113.9");
  }
  site.listener.connect(PROXY).deliver(FORGED);
  assert.equal(clientOf(site, 3), "203.0.113.9", "without a header it is the proxy that speaks");
});

test("believing every peer is not believing what they say of others", async () => {
  const everybody = new ProvenanceReader(networks("*", "10.0.0.0/8"));
  const site = await serve("v2", { provenance: everybody });
  site.listener.connect(OTHER_CLIENT).deliver(v2(CLIENT, FORGED));
  assert.equal(clientOf(site), "192.0.2.7");
  site.listener.connect(OTHER_CLIENT).deliver(v2(INNER_PROXY, FORGED));
  assert.equal(clientOf(site, 1), "203.0.113.9");
});

test("a header has the time of a head, counted from the beginning", async () => {
  const site = await serve("v2");
  const begun = site.listener.connect(PROXY);
  const silent = site.listener.connect(PROXY);
  for (const byte of v2(CLIENT, "").subarray(0, 8)) {
    site.fixture.sweepAt(site.fixture.nowMs + 1_000);
    begun.deliver(Buffer.of(byte));
  }
  site.fixture.sweepAt(SETTINGS.headerTimeoutMs - 1);
  assert.ok(!begun.closed && !silent.closed);
  site.fixture.sweepAt(SETTINGS.headerTimeoutMs + SWEEP_INTERVAL_MS);
  assert.ok(begun.closed && silent.closed);
  assert.equal(begun.received.length + silent.received.length, 0);
  assert.equal(site.fixture.log.lines.filter((line) => line.includes("LATE")).length, 1);
  // A second look at what is closed already is no second report.
  site.fixture.sweepAt(SETTINGS.headerTimeoutMs + 2 * SWEEP_INTERVAL_MS);
  assert.equal(site.fixture.log.lines.length, 1);
  begun.turn();
  silent.turn();
  assert.equal(site.fixture.server.connectionCount, 0);
});

test("an end within a header closes; behind it, the request is answered", async () => {
  const site = await serve("v1");
  const cut = site.listener.connect(PROXY);
  cut.deliver("PROXY TCP4");
  cut.deliverEnd();
  assert.ok(cut.closed);
  const probe = site.listener.connect(PROXY);
  probe.deliverEnd();
  assert.ok(probe.closed);
  assert.equal(site.fixture.log.lines.length, 1, "who says nothing at all does no harm");
  const whole = site.listener.connect(PROXY);
  whole.deliver(Buffer.concat([proxyLine(CLIENT, SITE), Buffer.from(get("/"))]));
  whole.deliverEnd();
  site.fixture.handler.answerAt(0).answer("hello");
  assert.equal(answered(whole), 200);
  assert.ok(whole.sawEnd);
});

test("in auto an end leaves what has come to HTTP", async () => {
  const site = await serve("auto");
  const stream = site.listener.connect(PROXY);
  stream.deliver("PRO");
  stream.deliverEnd();
  assert.equal(answered(stream), 400);
  const cut = site.listener.connect(PROXY);
  cut.deliver("PROXY TCP4 192");
  cut.deliverEnd();
  assert.ok(cut.closed && cut.received.length === 0);
});

test("a stop closes whoever has not begun, and waits for whoever has", async () => {
  const site = await serve("v2");
  const silent = site.listener.connect(PROXY);
  const begun = site.listener.connect(PROXY);
  const header = v2(CLIENT, get("/"));
  begun.deliver(header.subarray(0, 20));
  const drained = site.fixture.server.drain();
  site.fixture.sweepAt(500);
  assert.ok(silent.closed && !begun.closed);
  silent.turn();
  begun.deliver(header.subarray(20));
  site.fixture.handler.answerAt(0).answer("hello");
  assert.equal(answered(begun), 200);
  begun.deliverEnd();
  assert.ok(await isSettled(drained));
});

test("an end at once closes those that wait for their header, too", async () => {
  const site = await serve("v2");
  const stream = site.listener.connect(PROXY);
  site.fixture.server.closeAll();
  stream.turn();
  assert.ok(stream.closeReported);
  assert.equal(site.fixture.server.connectionCount, 0);
});

test("those that wait for their header count among all connections", async () => {
  const site = await serve("v2", { connectionsMax: 1 });
  const first = site.listener.connect(PROXY);
  const second = site.listener.connect(PROXY);
  look([second]);
  assert.equal(answered(second), 503);
  second.deliver(v2(CLIENT, get("/")));
  first.deliver(v2(CLIENT, get("/")));
  assert.equal(site.fixture.handler.answers.length, 1);
});

test("an address has so many connections; one more is told so, others are served", async () => {
  const site = await serve(null, { connectionsPerAddressMax: 2 });
  const streams = Array.from({ length: 4 }, () => site.listener.connect(CLIENT));
  look(streams);
  streams.push(site.listener.connect(CLIENT), site.listener.connect(CLIENT));
  look(streams);
  for (const stream of streams) stream.deliver(get("/"));
  assert.equal(site.fixture.handler.answers.length, 2);
  assert.deepEqual(
    streams.slice(2, 4).map((stream) => answered(stream)),
    [503, 503],
  );
  assert.ok(streams.slice(4).every(({ closed, received }) => closed && received.length === 0));
  const other = site.listener.connect(OTHER_CLIENT);
  other.deliver(get("/"));
  assert.equal(site.fixture.handler.answers.length, 3);
  streams[0]?.break();
  site.listener.connect(CLIENT).deliver(get("/"));
  assert.equal(site.fixture.handler.answers.length, 4, "room is made when one ends");
  for (const stream of streams) stream.break();
});

test("proxies and Unix sockets have as many connections as they like", async () => {
  const site = await serve(null, { connectionsPerAddressMax: 1 });
  for (let count = 0; count < 3; count++) {
    site.listener.connect(PROXY).deliver(get("/"));
    site.listener.connect({ family: "unix", path: "" }).deliver(get("/"));
  }
  assert.equal(site.fixture.handler.answers.length, 6);
});

test("behind a proxy the client's address counts, not the proxy's", async () => {
  const site = await serve("v2", { connectionsPerAddressMax: 1 });
  const clients = [CLIENT, CLIENT, CLIENT, OTHER_CLIENT, INNER_PROXY, INNER_PROXY];
  const streams = clients.map((client) => {
    const stream = site.listener.connect(PROXY);
    stream.deliver(v2(client, get("/")));
    look([stream]);
    return stream;
  });
  assert.equal(site.fixture.handler.answers.length, 4);
  assert.equal(answered(streams[1] as MemoryStream), 503);
  assert.ok(streams[2]?.closed && streams[2].received.length === 0);
  const checks = Array.from({ length: 3 }, () => site.listener.connect(PROXY));
  for (const check of checks) {
    check.deliver(Buffer.concat([proxyBlock(0, 0, Buffer.alloc(0)), Buffer.from(get("/"))]));
  }
  assert.equal(site.fixture.handler.answers.length, 7, "health checks do not count");
  for (const stream of [...streams, ...checks]) stream.break();
  assert.equal(site.fixture.server.connectionCount, 0);
  const again = site.listener.connect(PROXY);
  again.deliver(v2(CLIENT, get("/")));
  assert.equal(site.fixture.handler.answers.length, 8, "nothing is left of those that ended");
});

test("whoever waits for a place behind a proxy keeps what came with the header", async () => {
  const site = await serve("v2", { connectionsPerAddressMax: 1 });
  const first = site.listener.connect(PROXY);
  first.deliver(v2(CLIENT, ""));
  const second = site.listener.connect(PROXY);
  second.deliver(v2(CLIENT, get("/kept")));
  assert.ok(second.paused);
  assert.equal(site.fixture.server.connectionCount, 2);
  first.break();
  look([second], 1);
  assert.equal(site.fixture.handler.answerAt(0).request.head.path, "/kept");
  site.fixture.handler.answerAt(0).answer("hello");
  assert.equal(answered(second), 200);
  assert.equal(second.paused, false);
});

test("whoever has ended behind a proxy's header is answered all the same", async () => {
  const site = await serve("auto", { connectionsPerAddressMax: 1 });
  const first = site.listener.connect(CLIENT);
  const second = site.listener.connect(PROXY);
  second.deliver(Buffer.concat([proxyLine(CLIENT, SITE), Buffer.from(get("/"))]));
  second.deliverEnd();
  first.break();
  look([second], 1);
  site.fixture.handler.answerAt(0).answer("hello");
  assert.equal(answered(second), 200);
  assert.ok(second.sawEnd);
});
