import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { ConnectionFixture, get, post } from "./connection-fixture.ts";
import { readResponse, readResponses } from "./response-reader.ts";

/** The client got this error, and the connection is lingering or closed. */
function assertRefused(fixture: ConnectionFixture, status: number): void {
  const response = readResponse(fixture.received);
  assert.equal(response.status, status);
  assert.equal(response.fields.get("connection"), "close");
  assert.ok(response.complete && response.content.startsWith(String(status)));
  assert.ok(fixture.client.sawEnd);
}

test("a request is handed on when it is whole, and its answer goes back", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliverInPieces(post("/a?b=c", "content"), 1);
  assert.equal(fixture.handler.answers.length, 1);
  const answer = fixture.handler.answerAt(0);
  assert.equal(answer.request.head.method, "POST");
  assert.equal(answer.path, "/a");
  assert.equal(answer.content, "content");
  assert.equal(answer.request.contentLength, null);
  answer.answer("hello");
  const response = readResponse(fixture.received, "POST");
  assert.deepEqual([response.status, response.content], [200, "hello"]);
  assert.equal(fixture.client.sawEnd, false);
});

test("the handler is told of both ends of the connection, once", () => {
  const fixture = new ConnectionFixture();
  const { remoteAddress: remote, localAddress: local } = fixture.client;
  assert.deepEqual(fixture.handler.endpoints, [{ remote, local, scheme: "http" }]);
});

test("a content that comes chunked is decoded, and its length told", () => {
  const fixture = new ConnectionFixture();
  const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  fixture.client.deliverInPieces(`${head}5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nT: v\r\n\r\n`, 1);
  assert.equal(fixture.handler.answerAt(0).content, "hello!");
  assert.equal(fixture.handler.answerAt(0).request.contentLength, 6);
  fixture.handler.answerAt(0).answer("");
  fixture.client.deliver(`${head}0\r\n\r\n`);
  assert.equal(fixture.handler.answerAt(1).request.content, null);
  assert.equal(fixture.handler.answerAt(1).request.contentLength, 0);
});

test("a connection goes on after an answer, and the same fields are the same section", () => {
  const fixture = new ConnectionFixture();
  for (let place = 0; place < 3; place++) {
    fixture.client.deliver(get(`/${place}`));
    fixture.handler.answerAt(place).answer(String(place));
  }
  const responses = readResponses(fixture.received, "GET", "GET", "GET");
  assert.deepEqual(
    responses.map(({ content }) => content),
    ["0", "1", "2"],
  );
  const [first, second] = fixture.handler.answers.map(({ request }) => request.head.section);
  assert.equal(first, second);
});

test("pipelined requests are taken one at a time and answered in order", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(get("/1") + post("/2", "two") + get("/3"));
  for (let place = 0; place < 3; place++) {
    assert.equal(fixture.handler.answers.length, place + 1);
    fixture.handler.answerAt(place).answer(fixture.handler.answerAt(place).path);
  }
  assert.equal(fixture.handler.answerAt(1).content, "two");
  const responses = readResponses(fixture.received, "GET", "POST", "GET");
  assert.deepEqual(
    responses.map(({ content }) => content),
    ["/1", "/2", "/3"],
  );
});

test("however requests are cut, the same ones are handed on with the same content", () => {
  const bytes = get("/1") + post("/2", "0123456789") + get("/3") + post("/4", "");
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 50, size: "max" }),
      (sizes) => {
        const fixture = new ConnectionFixture();
        let answered = 0;
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          fixture.client.deliver(bytes.slice(at, at + size));
          at += size;
          for (; answered < fixture.handler.answers.length; answered++) {
            fixture.handler.answerAt(answered).answer("x".repeat(answered));
          }
        }
        const seen = fixture.handler.answers.map(({ path, content }) => [path, content]);
        assert.deepEqual(seen, [
          ["/1", null],
          ["/2", "0123456789"],
          ["/3", null],
          ["/4", null],
        ]);
        readResponses(fixture.received, "GET", "POST", "GET", "POST");
      },
    ),
  );
});

test("100 (Continue) is sent to a client that waits for it, and to no other", () => {
  const expecting = post("/", "hello", "Expect: 100-continue\r\n");
  const headLength = expecting.length - 5;
  const waits = new ConnectionFixture();
  waits.client.deliver(expecting.slice(0, headLength));
  assert.equal(waits.takeReceived().toString(), "HTTP/1.1 100 Continue\r\n\r\n");
  waits.client.deliver("hello");
  waits.handler.answerAt(0).answer("done");
  assert.equal(readResponse(waits.takeReceived(), "POST").content, "done");
  const doesNot = new ConnectionFixture();
  doesNot.client.deliver(expecting.slice(0, headLength + 1));
  assert.equal(doesNot.received.length, 0);
});

const REFUSED: readonly [what: string, bytes: string, status: number][] = [
  ["garbage", "\x00\x01\x02\r\n\r\n", 400],
  ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
  [
    "framing in doubt",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    400,
  ],
  [
    "a content over its limit",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000001\r\n\r\n",
    413,
  ],
  [
    "a chunked content over its limit",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4c4b41\r\n",
    413,
  ],
  ["a long request line", `GET /${"a".repeat(300)} HTTP/1.1\r\n`, 414],
  ["an unknown expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417],
  ["a large header section", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(1_200)}\r\n\r\n`, 431],
  ["many fields", get("/", "X: y\r\n".repeat(30)), 431],
  ["another version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505],
  ["CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501],
];

for (const [what, bytes, status] of REFUSED) {
  test(`${what}: ${status}, the application is not called`, () => {
    const fixture = new ConnectionFixture();
    fixture.client.deliver(bytes);
    assert.equal(fixture.handler.answers.length, 0);
    if (status === 501) assert.equal(readResponse(fixture.received).status, 501);
    else assertRefused(fixture, status);
  });
}

test("a bad request behind a good one is refused in its turn", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(`${get("/good")}GET / HTTP/1.1\r\nbad\r\n\r\n${get("/never")}`);
  fixture.handler.answerAt(0).answer("good");
  const [good, bad] = readResponses(fixture.received, "GET", "GET");
  assert.deepEqual([good?.status, good?.content, bad?.status], [200, "good", 400]);
  assert.equal(fixture.handler.answers.length, 1);
  assert.ok(fixture.client.sawEnd);
});

test("what a client still sends after its last answer is read and dropped, to a bound", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver("bad\r\n\r\n");
  assert.equal(fixture.client.closed, false, "a close now could take the answer with it");
  const piece = Buffer.alloc(16_777_216);
  for (let sent = 0; sent < 8; sent++) fixture.client.deliver(piece);
  assert.equal(fixture.client.closed, false);
  fixture.client.deliver("x");
  assert.ok(fixture.client.closed);
  assertRefused(fixture, 400);
});

test("Connection: close is obeyed, and what follows is not taken for a request", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(get("/1", "Connection: close\r\n") + get("/2"));
  fixture.handler.answerAt(0).answer("one");
  assert.equal(readResponse(fixture.received).fields.get("connection"), "close");
  assert.ok(fixture.client.sawEnd);
  assert.equal(fixture.handler.answers.length, 1);
});

test("HTTP/1.0: closed after the answer, unless the client asked for more", () => {
  const once = new ConnectionFixture();
  once.client.deliver(get("/", "", "HTTP/1.0"));
  once.handler.answerAt(0).begin("a");
  once.handler.answerAt(0).more("b");
  once.handler.answerAt(0).end();
  assert.equal(readResponse(once.received).content, "ab");
  assert.ok(once.client.sawEnd);
  const more = new ConnectionFixture();
  more.client.deliver(get("/", "Connection: keep-alive\r\n", "HTTP/1.0"));
  more.handler.answerAt(0).answer("a");
  assert.equal(readResponse(more.received).fields.get("connection"), "keep-alive");
  assert.equal(more.client.sawEnd, false);
});

test("in a stop an answer closes its connection, once what was sent ahead is answered", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(get("/1") + get("/2"));
  fixture.draining = true;
  fixture.handler.answerAt(0).answer("one");
  fixture.handler.answerAt(1).answer("two");
  const [first, second] = readResponses(fixture.received, "GET", "GET");
  assert.equal(first?.fields.has("connection"), false);
  assert.equal(second?.fields.get("connection"), "close");
  assert.ok(fixture.client.sawEnd);
});

test("a client that goes away cancels its request", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(get("/"));
  fixture.client.break(new Error("ECONNRESET"));
  assert.ok(fixture.handler.answerAt(0).cancelled);
  assert.equal(fixture.closedReports, 1);
});

test("a client that has closed its sending half still gets its answers, then the end", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(get("/1") + get("/2"));
  fixture.client.deliverEnd();
  assert.equal(fixture.client.closed, false);
  fixture.handler.answerAt(0).answer("one");
  assert.equal(fixture.client.closed, false);
  fixture.handler.answerAt(1).answer("two");
  fixture.client.turn();
  assert.ok(fixture.client.closeReported);
  const [first, second] = readResponses(fixture.received, "GET", "GET");
  assert.deepEqual([first?.content, second?.content], ["one", "two"]);
  assert.equal(second?.fields.get("connection"), "close");
});

test("a client that ends in the middle of a head or a content gets 400", () => {
  for (const bytes of ["GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc"]) {
    const fixture = new ConnectionFixture();
    fixture.client.deliver(bytes);
    fixture.client.deliverEnd();
    fixture.client.turn();
    assert.equal(fixture.handler.answers.length, 0);
    assert.equal(readResponse(fixture.received).status, 400);
    assert.ok(fixture.client.closeReported);
  }
});

test("an end between two requests closes the connection without a word", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(get("/"));
  fixture.handler.answerAt(0).answer("");
  fixture.client.deliverEnd();
  fixture.client.turn();
  assert.ok(fixture.client.closeReported);
  readResponse(fixture.received);
});

test("each failure has its status, and the connection goes on", () => {
  const statuses = [
    ["application-error", 500],
    ["worker-exited", 502],
    ["timed-out", 504],
    ["queue-full", 503],
    ["queue-timed-out", 503],
  ] as const;
  const fixture = new ConnectionFixture();
  for (const [place, [failure, status]] of statuses.entries()) {
    fixture.client.deliver(get("/"));
    fixture.handler.answerAt(place).sink.onAnswerFailure(failure);
    const response = readResponse(fixture.takeReceived());
    assert.equal(response.status, status, failure);
    assert.equal(response.fields.has("retry-after"), status === 503, failure);
    assert.ok(response.content.length > 0);
  }
  assert.equal(fixture.client.sawEnd, false);
});

test("a full queue is 503 with Retry-After, and no content to HEAD", () => {
  const fixture = new ConnectionFixture();
  fixture.handler.full = true;
  fixture.client.deliver(get("/"));
  const response = readResponse(fixture.takeReceived());
  assert.equal(response.status, 503);
  assert.equal(response.fields.get("retry-after"), "7", "what the handler says");
  fixture.client.deliver(get("/").replace("GET", "HEAD"));
  assert.equal(readResponse(fixture.takeReceived(), "HEAD").status, 503);
});

test("an answer that is cut short can be told from a whole one", () => {
  const chunked = new ConnectionFixture();
  chunked.client.deliver(get("/") + get("/2"));
  chunked.handler.answerAt(0).begin("part");
  chunked.handler.answerAt(0).sink.onAnswerFailure("application-aborted");
  assert.equal(readResponse(chunked.received).complete, false);
  assert.ok(chunked.client.sawEnd);
  assert.equal(chunked.handler.answers.length, 1);
  const declared = new ConnectionFixture();
  declared.client.deliver(get("/"));
  declared.handler.answerAt(0).begin("part", 10);
  declared.handler.answerAt(0).sink.onAnswerFailure("worker-exited");
  assert.equal(readResponse(declared.received).complete, false);
  assert.ok(declared.client.sawEnd);
  const untilClose = new ConnectionFixture();
  untilClose.client.deliver(get("/", "", "HTTP/1.0"));
  untilClose.handler.answerAt(0).begin("part");
  untilClose.handler.answerAt(0).sink.onAnswerFailure("application-aborted");
  assert.ok(untilClose.client.wasReset, "an orderly end would say that this was all");
});

test("an answer whose content is all there is whole, although its worker did not say so", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver(get("/"));
  const { sink } = fixture.handler.answerAt(0);
  fixture.handler.answerAt(0).begin("whole", 5);
  // Its client has sent the next one, as it may.
  fixture.client.deliver(get("/2"));
  assert.equal(readResponse(fixture.takeReceived()).content, "whole");
  sink.onAnswerFailure("worker-exited");
  fixture.handler.answerAt(1).begin("next", 4, 200, true);
  assert.equal(readResponse(fixture.takeReceived()).content, "next");
  assert.equal(fixture.client.sawEnd, false);
  const aborted = new ConnectionFixture();
  aborted.client.deliver(get("/"));
  aborted.handler.answerAt(0).begin("whole", 5);
  aborted.handler.answerAt(0).sink.onAnswerFailure("application-aborted");
  assert.ok(aborted.client.sawEnd, "what the application broke off is not believed");
});

test("content shorter than declared ends the connection, longer is cut and it goes on", () => {
  const short = new ConnectionFixture();
  short.client.deliver(get("/"));
  short.handler.answerAt(0).begin("part", 10, 200, true);
  assert.equal(readResponse(short.received).complete, false);
  assert.ok(short.client.sawEnd);
  const long = new ConnectionFixture();
  long.client.deliver(get("/"));
  long.handler.answerAt(0).begin("more than that", 4, 200, true);
  assert.equal(readResponse(long.received).content, "more");
  assert.equal(long.client.sawEnd, false);
});

test("a HEAD that is refused gets no content either, wherever it is refused", () => {
  for (const rest of [
    "Bad : space\r\n",
    "\r\n",
    "Host: a\r\nContent-Length: 9000000\r\n\r\n",
    "Host: a\r\nTransfer-Encoding: chunked\r\n\r\nno size",
  ]) {
    const fixture = new ConnectionFixture();
    fixture.client.deliver(get("/") + get("/"));
    fixture.handler.answerAt(0).answer("one");
    fixture.handler.answerAt(1).answer("two");
    fixture.takeReceived();
    fixture.client.deliver(`HEAD / HTTP/1.1\r\n${rest}`);
    const refusal = fixture.takeReceived().toString("latin1");
    assert.match(refusal, /^HTTP\/1\.1 4(?:00|13) .*\r\nContent-Length: \d+\r\n.*\r\n\r\n$/s, rest);
    assert.ok(fixture.client.sawEnd);
  }
  const unknown = new ConnectionFixture();
  unknown.client.deliver(get("/").replace("GET", "HEAD"));
  unknown.handler.answerAt(0).answer("");
  unknown.takeReceived();
  unknown.client.deliver("?\r\n");
  assert.match(unknown.takeReceived().toString("latin1"), /\r\n\r\n400 Bad Request\n[^\r\n]+\n$/);
});

test("OPTIONS * is answered by the server itself", () => {
  const fixture = new ConnectionFixture();
  fixture.client.deliver("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  const response = readResponse(fixture.received, "OPTIONS");
  assert.equal(response.status, 200);
  assert.match(response.fields.get("allow") ?? "", /\bGET\b/);
  assert.equal(fixture.handler.answers.length, 0);
});

test("one connection too many is told so, and can read it", () => {
  const fixture = new ConnectionFixture();
  fixture.connection.turnAway(true);
  assertRefused(fixture, 503);
  fixture.client.deliver(get("/"));
  assert.equal(fixture.handler.answers.length, 0);
  assert.equal(fixture.client.closed, false);
  fixture.client.deliverEnd();
  assert.ok(fixture.client.closeReported);
});

test("a content that cannot be kept is 507", () => {
  const spool = { inlineMaxBytes: 4, folder: "/nonexistent", namedFileFolder: () => null };
  const fixture = new ConnectionFixture({ spool });
  fixture.client.deliver(post("/", "hello") + get("/"));
  assertRefused(fixture, 507);
  assert.equal(fixture.handler.answers.length, 0);
  assert.ok(fixture.log.lines.some((line) => line.startsWith("error")));
});

test("bytes at random end in an error answer or wait for more, and never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200, size: "max" }), (bytes) => {
      const fixture = new ConnectionFixture();
      fixture.client.deliver(Buffer.from(bytes));
      fixture.client.deliverEnd();
      fixture.client.turn();
      assert.ok(fixture.client.closeReported);
      assert.equal(fixture.handler.answers.length, 0);
      if (fixture.received.length > 0) assert.ok(readResponse(fixture.received).status >= 400);
    }),
  );
});
