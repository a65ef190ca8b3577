import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { HeaderSection, RequestHead, RequestTarget } from "../../src/http1/request-head.ts";
import { ResponseHeadWriter } from "../../src/http1/response.ts";
import { ResponseWriter } from "../../src/server/response-writer.ts";
import { MemoryStream } from "../net/memory-stream.ts";
import { readResponse, readResponses } from "./response-reader.ts";

const SCRATCH_BYTES = 1_024;

interface Fixture {
  readonly stream: MemoryStream;
  readonly writer: ResponseWriter;
}

function makeWriter(scratchBytes = SCRATCH_BYTES): Fixture {
  const stream = new MemoryStream();
  const headWriter = new ResponseHeadWriter("portico", scratchBytes);
  headWriter.setDate(784_111_777_000);
  return { stream, writer: new ResponseWriter(stream, headWriter, Buffer.alloc(scratchBytes)) };
}

function requestHead(method: string, versionMinor: 0 | 1 = 1): RequestHead {
  const section = new HeaderSection(
    method,
    versionMinor,
    [],
    [],
    { kind: "none" },
    true,
    false,
    "",
  );
  return new RequestHead(new RequestTarget("/", "origin", "/", "", null), section);
}

/** Gives head and content in one buffer, with bytes around them that must not leave. */
function giveHead(
  { writer }: Fixture,
  status: number,
  declared: number | null,
  content: string,
  complete: boolean,
): void {
  const length = declared === null ? "" : `Content-Length: ${declared}\r\n`;
  const head = `${status} Reason\r\nX-Any: 1\r\n${length}`;
  const bytes = Buffer.from(`before${head}${content}behind`, "latin1");
  const headEnd = 6 + head.length;
  writer.head(bytes, 6, headEnd, headEnd + content.length, complete);
}

function giveContent({ writer }: Fixture, content: string): void {
  const bytes = Buffer.from(`before${content}behind`, "latin1");
  writer.content(bytes, 6, 6 + content.length);
}

test("a whole response leaves with one write, the gateway's own fields added", () => {
  const fixture = makeWriter();
  fixture.writer.begin(requestHead("GET"), true, 200, 5);
  giveHead(fixture, 200, 5, "hello", true);
  assert.equal(fixture.stream.writes.length, 1);
  const { status, reason, fields, content, complete } = readResponse(fixture.stream.received);
  assert.deepEqual([status, reason, content, complete], [200, "Reason", "hello", true]);
  assert.equal(fields.get("date"), "Sun, 06 Nov 1994 08:49:37 GMT");
  assert.equal(fields.get("server"), "portico");
  assert.equal(fields.get("x-any"), "1");
  assert.equal(fields.has("connection"), false);
  assert.ok(fixture.writer.keepAlive);
  assert.equal(fixture.writer.begun, false, "it is over");
});

test("never more content than was declared, however it comes", () => {
  const pieces = fc.array(fc.string({ unit: "binary-ascii", maxLength: 40, size: "max" }), {
    maxLength: 6,
    size: "max",
  });
  fc.assert(
    fc.property(fc.nat({ max: 60 }), pieces, (declared, [first = "", ...others]) => {
      const fixture = makeWriter();
      fixture.writer.begin(requestHead("GET"), true, 200, declared);
      giveHead(fixture, 200, declared, first, false);
      for (const piece of others) giveContent(fixture, piece);
      fixture.writer.end();
      const all = [first, ...others].join("");
      const response = readResponse(fixture.stream.received);
      assert.equal(response.content, all.slice(0, declared));
      assert.equal(fixture.writer.fellShort, all.length < declared);
      assert.equal(response.complete, all.length >= declared);
    }),
  );
});

test("chunks decode to the content, however it is cut, with a scratch of any size", () => {
  const pieces = fc.array(fc.string({ unit: "binary-ascii", maxLength: 90, size: "max" }), {
    maxLength: 8,
    size: "max",
  });
  const scratch = fc.constantFrom(64, 80, SCRATCH_BYTES);
  fc.assert(
    fc.property(pieces, scratch, ([first = "", ...others], scratchBytes) => {
      const fixture = makeWriter(scratchBytes);
      fixture.writer.begin(requestHead("GET"), true, 200, null);
      giveHead(fixture, 200, null, first, false);
      assert.ok(fixture.writer.begun);
      for (const piece of others) giveContent(fixture, piece);
      fixture.writer.end();
      const response = readResponse(fixture.stream.received);
      assert.equal(response.content, [first, ...others].join(""));
      assert.ok(response.complete && fixture.writer.keepAlive);
    }),
  );
});

test("a piece leaves at once, as one chunk in one write", () => {
  const fixture = makeWriter();
  fixture.writer.begin(requestHead("GET"), true, 200, null);
  giveHead(fixture, 200, null, "", false);
  giveContent(fixture, "");
  const before = fixture.stream.writes.length;
  giveContent(fixture, "0123456789abcdef");
  assert.deepEqual(fixture.stream.writes.slice(before).map(String), ["10\r\n0123456789abcdef\r\n"]);
});

test("no content to HEAD, and with 204 and 304, whatever the application gives", () => {
  const cases = [
    { method: "HEAD", status: 200, declared: 5, expected: "5" },
    { method: "HEAD", status: 200, declared: null, expected: undefined },
    { method: "GET", status: 204, declared: 5, expected: undefined },
    { method: "GET", status: 304, declared: 5, expected: "5" },
    { method: "GET", status: 304, declared: null, expected: undefined },
  ];
  for (const { method, status, declared, expected } of cases) {
    const fixture = makeWriter();
    fixture.writer.begin(requestHead(method), true, status, declared);
    giveHead(fixture, status, declared, "hello", false);
    giveContent(fixture, "more");
    fixture.writer.end();
    const response = readResponse(fixture.stream.received, method);
    assert.equal(response.fields.get("content-length"), expected, `${method} ${status}`);
    assert.equal(response.fields.has("transfer-encoding"), false);
    assert.equal(fixture.writer.fellShort, false);
    assert.ok(fixture.writer.keepAlive);
  }
});

test("HTTP/1.0 without a length: the end of the connection ends the content", () => {
  const fixture = makeWriter();
  fixture.writer.begin(requestHead("GET", 0), true, 200, null);
  giveHead(fixture, 200, null, "a", false);
  giveContent(fixture, "b");
  fixture.writer.end();
  assert.equal(readResponse(fixture.stream.received).content, "ab");
  assert.ok(fixture.writer.endsWithConnection);
  assert.equal(fixture.writer.keepAlive, false);
});

test("a connection that does not go on says so", () => {
  const fixture = makeWriter();
  fixture.writer.begin(requestHead("GET"), false, 200, 0);
  giveHead(fixture, 200, 0, "", true);
  assert.equal(readResponse(fixture.stream.received).fields.get("connection"), "close");
  assert.equal(fixture.writer.keepAlive, false);
});

test("a head that is larger than the scratch memory", () => {
  const fixture = makeWriter(128);
  const value = "v".repeat(5_000);
  const head = Buffer.from(`200 OK\r\nX-Large: ${value}\r\nContent-Length: 2\r\n`);
  fixture.writer.begin(requestHead("GET"), true, 200, 2);
  fixture.writer.head(
    Buffer.concat([head, Buffer.from("ok")]),
    0,
    head.length,
    head.length + 2,
    true,
  );
  const response = readResponse(fixture.stream.received);
  assert.equal(response.fields.get("x-large"), value);
  assert.equal(response.content, "ok");
});

test("the state of one response does not reach into the next", () => {
  const fixture = makeWriter();
  fixture.writer.begin(requestHead("GET"), true, 200, 10);
  giveHead(fixture, 200, 10, "0123456789", true);
  fixture.writer.begin(requestHead("GET"), true, 200, null);
  assert.equal(fixture.writer.begun, false);
  giveHead(fixture, 200, null, "chunk", true);
  fixture.writer.begin(requestHead("HEAD"), true, 200, 3);
  giveHead(fixture, 200, 3, "", true);
  fixture.writer.begin(requestHead("GET"), true, 200, 3);
  giveHead(fixture, 200, 3, "abc", true);
  const all = fixture.stream.received;
  const responses = readResponses(all, "GET", "GET", "HEAD", "GET");
  assert.deepEqual(
    responses.map(({ content }) => content),
    ["0123456789", "chunk", "", "abc"],
  );
});
