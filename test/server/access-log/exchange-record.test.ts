import assert from "node:assert/strict";
import { test } from "node:test";

import type { Provenance } from "../../../src/handlers/provenance.ts";
import { ExchangeRecord } from "../../../src/server/access-log/exchange-record.ts";
import { RepeatedParts } from "../../../src/server/access-log/repeated-parts.ts";
import { ENDPOINTS, PROVENANCE, requestHead } from "../../handlers/request-head.ts";

function recordOf(lines: readonly string[], provenance: Provenance = PROVENANCE): ExchangeRecord {
  const record = new ExchangeRecord("drop");
  const fields = ["Host: a", ...lines].map((line) => `${line}\r\n`).join("");
  const head = requestHead(`GET /a%20b/?x=%22 HTTP/1.1\r\n${fields}\r\n`);
  record.begin(head, provenance, ENDPOINTS, new RepeatedParts());
  return record;
}

function basic(credentials: string): string {
  return `Authorization: Basic ${Buffer.from(credentials, "latin1").toString("base64")}`;
}

test("what is known of a request is as it came", () => {
  const record = recordOf(["X-A: 1", "x-a: 2"]);
  assert.equal(record.method, "GET");
  assert.equal(record.target, "/a%20b/?x=%22");
  assert.equal(record.path, "/a%20b/");
  assert.equal(record.query, "x=%22");
  assert.equal(record.protocol, "HTTP/1.1");
  assert.equal(record.requestField("x-a"), "1, 2");
  assert.equal(record.requestField("x-b"), null);
});

test("the client is who is believed to be it; the peer is the other end", () => {
  const record = recordOf([], { ...PROVENANCE, remoteHost: "203.0.113.9", requestId: "abc" });
  assert.equal(record.remoteHost, "203.0.113.9");
  assert.equal(record.peerHost, "192.0.2.7");
  assert.equal(record.requestId, "abc");
  const local = { ...ENDPOINTS, remote: { family: "unix", path: "" } } as const;
  record.begin(null, null, local, new RepeatedParts());
  assert.equal(record.remoteHost, "");
  assert.equal(record.protocol, null);
});

test("what was no request is known by its peer only", () => {
  const record = recordOf([basic("anna:secret")]);
  record.workerPid = 4_711;
  record.retries = 2;
  record.responseHead = "200 OK\r\nX-A: 1\r\n";
  record.begin(null, null, ENDPOINTS, new RepeatedParts());
  const { method, target, path, query, user, workerPid, retries, remoteHost } = record;
  assert.deepEqual([method, target, path, query, user, workerPid], Array(6).fill(null));
  assert.equal(retries, 0);
  assert.equal(remoteHost, "192.0.2.7");
  assert.equal(record.requestField("host"), null);
  assert.equal(record.responseField("x-a"), null);
  assert.equal(record.environ("REMOTE_ADDR"), null);
});

test("a name comes from Basic credentials, and never a secret", () => {
  assert.equal(recordOf([basic("anna:secret:more")]).user, "anna");
  assert.equal(recordOf([basic("J\xfcrgen:x").replace("Basic", "bASIC ")]).user, "J\xfcrgen");
  for (const line of [
    basic(":secret"),
    basic("token-without-a-name"),
    "Authorization: Bearer YW5uYTpzZWNyZXQ=",
    "Authorization: Basic",
    "Authorization: Basic ?!",
    "X-Other: 1",
  ]) {
    assert.equal(recordOf([line]).user, null, line);
  }
});

test("fields of the answer, where its head was kept", () => {
  const record = recordOf([]);
  assert.equal(record.responseField("x-a"), null);
  record.responseHead = "200 OK: fine\r\nX-A:  1 \r\nContent-Type: text/html\r\nx-a: 2\r\n";
  assert.equal(record.responseField("x-a"), "1, 2");
  assert.equal(record.responseField("content-type"), "text/html");
  assert.equal(record.responseField("200 ok"), null);
  assert.equal(record.responseField(""), null);
});

test("environ entries are those that the application gets", () => {
  const record = recordOf(["X-Forwarded-For: 10.0.0.1", "User-Agent: curl"]);
  assert.equal(record.environ("REMOTE_ADDR"), "192.0.2.7");
  assert.equal(record.environ("http_user_agent"), "curl");
  assert.equal(record.environ("wsgi.url_scheme"), "http");
  assert.equal(record.environ("QUERY_STRING"), "x=%22");
  assert.equal(record.environ("RAW_URI"), "/a%20b/?x=%22");
  assert.equal(record.environ("MY_VARIABLE"), null);
});

test("parts that repeat are kept for the same client and the same fields only", () => {
  const repeated = new RepeatedParts();
  const [section, provenance] = [{}, {}];
  repeated.keepFor(section, provenance);
  repeated.parts[0] = Buffer.from("kept");
  repeated.keepFor(section, provenance);
  assert.equal(String(repeated.parts[0]), "kept");
  repeated.keepFor(section, {});
  assert.equal(repeated.parts.length, 0);
  repeated.parts[0] = Buffer.from("kept");
  repeated.forget();
  assert.equal(repeated.parts.length, 0);
});
