import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RequestReceiver, type ReceiverEvent } from "../../src/http1/receiver.ts";
import { RequestHead, type HeaderSection } from "../../src/http1/request-head.ts";
import { writeChunkHead, LAST_CHUNK, CRLF } from "../../src/http1/response.ts";
import { cutAt, LIMITS, replay } from "./cut-and-replay.ts";

function receive(receiver: RequestReceiver, text: string): ReceiverEvent {
  const bytes = Buffer.from(text, "latin1");
  receiver.receive(bytes, bytes.length);
  return receiver.next();
}

/** Takes one request without content through a whole cycle. */
function sectionOf(receiver: RequestReceiver, text: string): HeaderSection {
  const head = receive(receiver, text);
  assert.ok(head instanceof RequestHead);
  assert.equal(receiver.next().kind, "end");
  assert.equal(receiver.next().kind, "paused");
  receiver.nextCycle();
  return head.section;
}

/** Cuts at the places given as parts of the whole. */
function cutAtParts(bytes: Buffer, parts: readonly number[]): Buffer[] {
  const positions = parts.map((part) => Math.floor(part * bytes.length));
  return cutAt(
    bytes,
    positions.toSorted((a, b) => a - b),
  );
}

const part = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const parts = fc.array(part, { maxLength: 12 });

/** Pieces from which near misses of requests are put together. */
const FRAGMENTS = [
  "GET / HTTP/1.1\r\n",
  "POST /a?b HTTP/1.0\r\n",
  "OPTIONS * HTTP/1.1\r\n",
  "CONNECT a:1 HTTP/1.1\r\n",
  "GET http://a/ HTTP/1.1\r\n",
  "Host: a\r\n",
  "Host: [::1]:1\r\n",
  "Content-Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Expect: 100-continue\r\n",
  "X-A: b\r\n",
  "\r\n",
  "3\r\nabc\r\n",
  '2;a="b"\r\nhi\r\n',
  "0\r\n\r\n",
  "abc",
  " ",
  "\r",
  "\n",
  ":",
  "\0",
  "\u00ff",
];

const nearMiss = fc
  .array(fc.constantFrom(...FRAGMENTS), { maxLength: 24 })
  .map((fragments) => Buffer.from(fragments.join(""), "latin1"));
const anyBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const input = fc.oneof({ weight: 4, arbitrary: nearMiss }, { weight: 1, arbitrary: anyBytes });
/** More than the default: most near misses are refused at their first line. */
const RUNS = Math.max(2000, fc.readConfigureGlobal().numRuns ?? 0);

const TIGHT = {
  requestLineLimitBytes: 24,
  headLimitBytes: 64,
  fieldCountMax: 3,
  fieldLimitBytes: 100,
  bodyLimitBytes: 4,
  trailerLimitBytes: 8,
  chunkExtensionLimitBytes: 6,
};

test("property: cutting changes nothing, and only ProtocolError escapes", () => {
  fc.assert(
    fc.property(input, parts, fc.constantFrom(LIMITS, TIGHT), (bytes, cuts, limits) => {
      assert.deepEqual(replay(cutAtParts(bytes, cuts), limits), replay([bytes], limits));
    }),
    { numRuns: RUNS },
  );
});

test("property: a request that is encoded comes out as it was", () => {
  const token = fc.stringMatching(/^[!#-'*+.^_`|~\w-]{1,20}$/);
  const value = fc
    .stringMatching(/^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/)
    .filter((text) => text.length < 200);
  const fields = fc.array(
    fc.tuple(
      token.map((name) => `x-${name.toLowerCase()}`),
      value,
    ),
    {
      maxLength: 20,
    },
  );
  const target = fc.stringMatching(/^\/[\x21\x22\x24-\x7e\x80-\xff]{0,40}$/);
  const method = token.filter((name) => name !== "CONNECT");
  const content = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(method, target, fields, content, parts, (name, path, lines, bytes, cuts) => {
      const head = [
        `${name} ${path} HTTP/1.1`,
        "Host: a",
        ...lines.map((line) => line.join(": ")),
        `Content-Length: ${bytes.length}`,
      ];
      const message = Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"), bytes]);
      const { requests, violation } = replay(cutAtParts(message, cuts));
      assert.equal(violation, null);
      assert.equal(requests.length, 1);
      assert.equal(requests[0]?.method, name);
      assert.equal(requests[0]?.target, path);
      assert.deepEqual(requests[0]?.fields.slice(1, -1), lines);
      assert.equal(requests[0]?.content, Buffer.from(bytes).toString("latin1"));
    }),
  );
});

test("property: encoding in chunks and decoding is identity", () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(pieces, parts, (chunks, cuts) => {
      const encoded = chunks.flatMap((chunk) => {
        const line = Buffer.alloc(16);
        return [line.subarray(0, writeChunkHead(line, 0, chunk.length)), chunk, CRLF];
      });
      const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
      const message = Buffer.concat([Buffer.from(head), ...encoded, LAST_CHUNK]);
      const { requests } = replay(cutAtParts(message, cuts));
      assert.equal(requests[0]?.content, Buffer.concat(chunks).toString("latin1"));
    }),
  );
});

test("a repeated header section is the same object, however it arrives", () => {
  const receiver = new RequestReceiver(LIMITS);
  const fields = "Host: a\r\nCookie: x=1\r\n\r\n";
  const first = sectionOf(receiver, `GET /1 HTTP/1.1\r\n${fields}`);
  assert.equal(sectionOf(receiver, `GET /2?q HTTP/1.1\r\n${fields}`), first);
  assert.equal(receive(receiver, "GET /3 HTTP/1.1\r\nHost: a\r\nCoo").kind, "need-data");
  assert.equal(sectionOf(receiver, "kie: x=1\r\n\r\n"), first);
});

test("a header section is another object for other bytes, another method or version", () => {
  const receiver = new RequestReceiver(LIMITS);
  const fields = "Host: a\r\nConnection: keep-alive\r\n\r\n";
  const first = sectionOf(receiver, `GET / HTTP/1.1\r\n${fields}`);
  const post = sectionOf(receiver, `POST / HTTP/1.1\r\n${fields}`);
  assert.notEqual(post, first);
  assert.equal(post.method, "POST");
  const old = sectionOf(receiver, `POST / HTTP/1.0\r\n${fields}`);
  assert.equal(old.versionMinor, 0);
  const other = sectionOf(receiver, `POST / HTTP/1.0\r\n${fields.replace("Host: a", "Host: b")}`);
  assert.equal(other.host, "b");
});

test("a difference at the end of a long header section is seen", () => {
  const receiver = new RequestReceiver(LIMITS);
  const head = (last: string): string =>
    `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${"v".repeat(2000)}${last}\r\n\r\n`;
  const first = sectionOf(receiver, head("1"));
  assert.equal(sectionOf(receiver, head("1")), first);
  assert.ok(sectionOf(receiver, head("2")).value("x-long")?.endsWith("2"));
});

test("the lines of a repeated field are combined in order", () => {
  const section = sectionOf(
    new RequestReceiver(LIMITS),
    "GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\nCookie: c\r\nAccept: d\r\nCookie: e\r\n\r\n",
  );
  assert.equal(section.value("accept"), "b, d");
  assert.equal(section.value("cookie"), "c; e");
  assert.equal(section.value("x-none"), null);
});

test("says whether it is idle, within a head, and how much it has not consumed", () => {
  const receiver = new RequestReceiver(LIMITS);
  assert.ok(receiver.idle && !receiver.receivingHead);
  assert.equal(receive(receiver, "\r\n").kind, "need-data");
  assert.ok(receiver.idle);
  assert.equal(receive(receiver, "GET / HT").kind, "need-data");
  assert.ok(!receiver.idle && receiver.receivingHead);
  assert.equal(receiver.bufferedBytes, 8);
  assert.equal(receive(receiver, "TP/1.1\r\nHost: a\r\n\r\nGET").kind, "head");
  assert.equal(receiver.bufferedBytes, 3);
  assert.equal(receiver.next().kind, "end");
  assert.equal(receiver.next().kind, "paused");
  assert.ok(!receiver.idle);
  receiver.nextCycle();
  assert.ok(!receiver.idle);
  assert.equal(receiver.next().kind, "need-data");
});

test("RFC 9112 section 9.3.2: the next request waits for the answer to the present one", () => {
  const receiver = new RequestReceiver(LIMITS);
  const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
  assert.equal(receive(receiver, get("/1") + get("/2")).kind, "head");
  assert.equal(receiver.next().kind, "end");
  assert.equal(receiver.next().kind, "paused");
  assert.equal(receive(receiver, get("/3")).kind, "paused");
  for (const target of ["/2", "/3"]) {
    receiver.nextCycle();
    const head = receiver.next();
    assert.ok(head instanceof RequestHead);
    assert.equal(head.rawTarget, target);
    assert.equal(receiver.next().kind, "end");
  }
});

test("RFC 9112 section 9.6: nothing behind a request with close is served", () => {
  const receiver = new RequestReceiver(LIMITS);
  const get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  assert.equal(receive(receiver, get + get).kind, "head");
  assert.equal(receiver.next().kind, "end");
  assert.equal(receiver.next().kind, "paused");
  receiver.nextCycle();
  assert.equal(receiver.next().kind, "closed");
  assert.equal(receiver.bufferedBytes, 0);
});

test("what was sent before the client's end is still reported", () => {
  const receiver = new RequestReceiver(LIMITS);
  const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  assert.equal(receive(receiver, get + get).kind, "head");
  assert.equal(receiver.next().kind, "end");
  assert.equal(receiver.next().kind, "paused");
  receiver.receiveEnd();
  assert.equal(receiver.next().kind, "paused");
  receiver.nextCycle();
  assert.equal(receiver.next().kind, "head");
  assert.equal(receiver.next().kind, "end");
  receiver.nextCycle();
  assert.equal(receiver.next().kind, "closed");
});

test("a violation is thrown once; what comes afterwards is ignored", () => {
  const receiver = new RequestReceiver(LIMITS);
  assert.throws(() => receive(receiver, "\0"), { name: "ProtocolError", code: "METHOD_INVALID" });
  assert.equal(receiver.next().kind, "closed");
  assert.equal(receive(receiver, "GET / HTTP/1.1\r\n").kind, "closed");
});

test("content that comes by another way is not waited for, and no more than was declared", () => {
  const receiver = new RequestReceiver(LIMITS);
  receive(receiver, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  assert.equal(receiver.next().kind, "content");
  assert.equal(receiver.remainingBytes, 7);
  assert.throws(() => receiver.skipContent(8), /no more content/);
  receiver.skipContent(3);
  assert.equal(receive(receiver, "defg").kind, "content");
  assert.equal(receiver.remainingBytes, 0);
  assert.equal(receiver.next().kind, "end");
  receiver.nextCycle();
  assert.ok(receive(receiver, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n") instanceof RequestHead);
});

test("what no client can cause is an error of ours", () => {
  const receiver = new RequestReceiver(LIMITS);
  assert.throws(() => receiver.nextCycle(), /invariant broken/);
  const bytes = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET");
  receiver.receive(bytes, bytes.length);
  assert.throws(() => receiver.receive(bytes, bytes.length), /invariant broken/);
});

test("a violation is found at its byte, without waiting for the rest", () => {
  const bad = [
    "\x16",
    "GET /\x7f",
    "GET / HTTQ",
    "GET / HTTP/1.1\r\nX ",
    "GET / HTTP/1.1\r\nX: \0",
  ];
  for (const text of bad) {
    const receiver = new RequestReceiver(LIMITS);
    assert.equal(receive(receiver, text.slice(0, -1)).kind === "head", false);
    assert.throws(() => receive(receiver, text.slice(-1)), { name: "ProtocolError" }, text);
  }
});
