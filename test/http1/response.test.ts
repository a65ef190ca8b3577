import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  CONTINUE,
  frameResponse,
  LAST_CHUNK,
  ResponseHeadWriter,
  writeChunkHead,
} from "../../src/http1/response.ts";

const DATE_MS = 784_111_777_000;
const DATE = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

/** The head that is written for a response, to HTTP/1.1 if nothing else is said. */
function written(
  head: string,
  declared: number | null,
  options: { method?: string; minor?: 0 | 1; persistent?: boolean; server?: string | null } = {},
): string {
  const { method = "GET", minor = 1, persistent = true, server = "portico" } = options;
  const writer = new ResponseHeadWriter(server);
  writer.setDate(DATE_MS);
  const framing = frameResponse(method, minor, persistent, Number(head.slice(0, 3)), declared);
  const bytes = Buffer.from(`??${head}??`, "latin1");
  const target = Buffer.alloc(writer.sizeMax(head.length) + 3, 0x21);
  const end = writer.write(target, 3, bytes, 2, bytes.length - 2, framing);
  assert.ok(end - 3 <= writer.sizeMax(head.length));
  assert.equal(target.toString("latin1", 0, 3), "!!!");
  return target.toString("latin1", 3, end);
}

/**
 * Method, minor version, persistent, status, declared -> content, length, goes on, Connection,
 * declared one is sent.
 */
const FRAMINGS = [
  ["GET", 1, true, 200, 5, "length", 5, true, "", true],
  ["GET", 1, true, 200, 0, "length", 0, true, "", true],
  ["GET", 1, true, 200, null, "chunked", 0, true, "", false],
  ["GET", 1, false, 200, 5, "length", 5, false, "close", true],
  ["GET", 1, false, 200, null, "chunked", 0, false, "close", false],
  ["GET", 0, true, 200, 5, "length", 5, true, "keep-alive", true],
  ["GET", 0, false, 200, 5, "length", 5, false, "close", true],
  ["GET", 0, true, 200, null, "until-close", 0, false, "close", false],
  ["HEAD", 1, true, 200, 5, "none", 0, true, "", true],
  ["HEAD", 1, true, 200, null, "none", 0, true, "", false],
  ["HEAD", 0, true, 200, null, "none", 0, true, "keep-alive", false],
  ["GET", 1, true, 204, 5, "none", 0, true, "", false],
  ["GET", 1, true, 204, null, "none", 0, true, "", false],
  ["GET", 1, true, 304, 5, "none", 0, true, "", true],
  ["GET", 1, true, 304, null, "none", 0, true, "", false],
  ["HEAD", 1, true, 304, 5, "none", 0, true, "", true],
  ["GET", 1, true, 103, 5, "none", 0, true, "", false],
  ["GET", 1, false, 103, null, "none", 0, false, "", false],
  ["HEAD", 1, true, 205, 7, "none", 0, true, "", false],
  ["HEAD", 1, true, 205, 0, "none", 0, true, "", true],
  ["POST", 1, true, 205, null, "length", 0, true, "", false],
  ["POST", 1, true, 205, 7, "length", 0, true, "", false],
  ["POST", 1, true, 205, 0, "length", 0, true, "", true],
  ["CONNECT", 1, true, 200, 5, "none", 0, true, "", false],
  ["CONNECT", 1, true, 501, 5, "length", 5, true, "", true],
] as const;

for (const [method, minor, persistent, status, declared, ...expected] of FRAMINGS) {
  const length = declared === null ? "no length" : `length ${declared}`;
  const going = persistent ? "persistent" : "last";
  test(`RFC 9112 section 6.3: ${method} HTTP/1.${minor}, ${going}, ${status}, ${length}`, () => {
    const framing = frameResponse(method, minor, persistent, status, declared);
    assert.deepEqual(
      [
        framing.content,
        framing.contentLength,
        framing.keepAlive,
        framing.connectionField,
        framing.sendContentLength,
      ],
      expected,
    );
  });
}

test("property: chunked goes to HTTP/1.1 only, and what has no end closes the connection", () => {
  const method = fc.constantFrom("GET", "HEAD", "POST", "CONNECT");
  const minor = fc.constantFrom(0 as const, 1 as const);
  const declared = fc.option(fc.nat());
  const status = fc.integer({ min: 100, max: 599 });
  fc.assert(
    fc.property(
      method,
      minor,
      fc.boolean(),
      status,
      declared,
      (name, version, persistent, code, length) => {
        const framing = frameResponse(name, version, persistent, code, length);
        if (framing.content === "chunked") assert.ok(version === 1 && length === null);
        if (framing.content === "until-close") assert.ok(!framing.keepAlive);
        if (framing.keepAlive) assert.ok(persistent);
        if (name === "HEAD") assert.equal(framing.content, "none");
      },
    ),
  );
});

test("a head gets Date, Server and the empty line", () => {
  assert.equal(
    written("200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n", 2),
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n" +
      `${DATE}Server: portico\r\n\r\n`,
  );
});

test("RFC 9112 sections 6.1 and 9.6: Connection and Transfer-Encoding", () => {
  const own = `${DATE}Server: portico\r\n`;
  const status = "HTTP/1.1 200 OK\r\n";
  assert.equal(
    written("200 OK\r\n", null, { persistent: false }),
    `${status}${own}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  assert.equal(
    written("200 OK\r\nContent-Length: 1\r\n", 1, { minor: 0 }),
    `${status}Content-Length: 1\r\n${own}Connection: keep-alive\r\n\r\n`,
  );
  assert.equal(
    written("200 OK\r\n", null, { minor: 0 }),
    `${status}${own}Connection: close\r\n\r\n`,
  );
});

test("a Date or Server of the application's own is not sent twice", () => {
  const both = "200 OK\r\ndate: x\r\nSERVER: y\r\nContent-Length: 0\r\n";
  assert.equal(written(both, 0), `HTTP/1.1 ${both}\r\n`);
  const dateOnly = "200 OK\r\nDATE: x\r\nContent-Length: 0\r\n";
  assert.equal(written(dateOnly, 0), `HTTP/1.1 ${dateOnly}Server: portico\r\n\r\n`);
  const lookAlikes =
    "200 OK\r\nDate-X: x\r\nServers: y\r\nX: date: server:\r\nContent-Length: 0\r\n";
  assert.equal(written(lookAlikes, 0), `HTTP/1.1 ${lookAlikes}${DATE}Server: portico\r\n\r\n`);
});

test("no Server where none is wanted, and no Date without a clock", () => {
  const head = "200 OK\r\nContent-Length: 0\r\n";
  assert.equal(written(head, 0, { server: null }), `HTTP/1.1 ${head}${DATE}\r\n`);
  const writer = new ResponseHeadWriter(null);
  const target = Buffer.alloc(100 + writer.sizeMax(head.length));
  const framing = frameResponse("GET", 1, true, 200, 0);
  const end = writer.write(target, 0, Buffer.from(head), 0, head.length, framing);
  assert.equal(target.toString("latin1", 0, end), `HTTP/1.1 ${head}\r\n`);
});

test("the date follows the clock, by the second", () => {
  const writer = new ResponseHeadWriter(null);
  const head = Buffer.from("200 OK\r\nContent-Length: 0\r\n");
  const target = Buffer.alloc(writer.sizeMax(head.length));
  const framing = frameResponse("GET", 1, true, 200, 0);
  const dateAt = (ms: number): string | undefined => {
    writer.setDate(ms);
    const end = writer.write(target, 0, head, 0, head.length, framing);
    return /Date: .* (\S+) GMT/.exec(target.toString("latin1", 0, end))?.[1];
  };
  assert.equal(dateAt(DATE_MS), "08:49:37");
  assert.equal(dateAt(DATE_MS + 999), "08:49:37");
  assert.equal(dateAt(DATE_MS + 1000), "08:49:38");
});

test("RFC 9110 section 8.6: no Content-Length on 204, the declared one on HEAD and 304", () => {
  const fields = "content-length: 5\r\nX-Content-Length: 6\r\nContent-LENGTH: 5\r\n";
  assert.doesNotMatch(written(`204 No Content\r\n${fields}`, 5), /^content-length/im);
  assert.match(written(`204 No Content\r\n${fields}`, 5), /^X-Content-Length: 6\r$/m);
  assert.match(written("304 Not Modified\r\nContent-Length: 5\r\n", 5), /^Content-Length: 5\r$/m);
  const head = written("200 OK\r\nContent-Length: 5\r\n", 5, { method: "HEAD" });
  assert.match(head, /^Content-Length: 5\r$/m);
});

test("RFC 9110 section 15.3.6: 205 says that it has no content", () => {
  const own = `${DATE}Server: portico\r\nContent-Length: 0\r\n\r\n`;
  assert.equal(written("205 Reset Content\r\n", null), `HTTP/1.1 205 Reset Content\r\n${own}`);
  const declared = "205 Reset Content\r\nContent-Length: 9\r\nX: y\r\n";
  assert.equal(written(declared, 9), `HTTP/1.1 205 Reset Content\r\nX: y\r\n${own}`);
});

test("a value of Server that could end its line is refused", () => {
  assert.throws(() => new ResponseHeadWriter("a\r\nX: y"), /invariant broken/);
});

test("a target without room is refused before anything is written over", () => {
  const writer = new ResponseHeadWriter(null);
  const framing = frameResponse("GET", 1, true, 200, 0);
  const head = Buffer.from("200 OK\r\n");
  const target = Buffer.alloc(writer.sizeMax(head.length) - 1);
  assert.throws(() => writer.write(target, 0, head, 0, head.length, framing), /invariant broken/);
});

test("property: the size line of a chunk is its length in hexadecimal", () => {
  const target = Buffer.alloc(20);
  const length = fc.oneof(
    fc.integer({ min: 1, max: 70_000 }),
    fc.maxSafeNat().map((n) => n + 1),
  );
  fc.assert(
    fc.property(length.filter(Number.isSafeInteger), (bytes) => {
      const end = writeChunkHead(target, 2, bytes);
      const line = target.toString("latin1", 2, end);
      assert.equal(Number.parseInt(line, 16), bytes);
      assert.match(line, /^[0-9a-f]{1,14}\r\n$/);
    }),
  );
  assert.throws(() => writeChunkHead(target, 0, 0), /invariant broken/);
});

test("what a response has for itself alone stands last, and no id beside the application's", () => {
  const writer = new ResponseHeadWriter(null);
  const headOf = (head: string, requestId: string | null, ownLines: string): string => {
    const bytes = Buffer.from(head, "latin1");
    const framing = frameResponse("GET", 1, true, 200, 0);
    const end = writer.prepare(bytes, 0, bytes.length, framing, requestId, ownLines);
    return writer.room.toString("latin1", 0, end);
  };
  const head = "200 OK\r\nContent-Length: 0\r\n";
  const timing = "Server-Timing: app;dur=1\r\n";
  assert.equal(headOf(head, "a", ""), `HTTP/1.1 ${head}X-Request-ID: a\r\n\r\n`);
  assert.equal(headOf(head, "bb", timing), `HTTP/1.1 ${head}X-Request-ID: bb\r\n${timing}\r\n`);
  assert.equal(headOf(head, null, ""), `HTTP/1.1 ${head}\r\n`);
  const named = `${head}X-REQUEST-ID: own\r\n`;
  assert.equal(headOf(named, "a", timing), `HTTP/1.1 ${named}${timing}\r\n`);
  assert.equal(
    headOf(`${head}X-Request-Idea: b\r\n`, "a", "").match(/X-Request-ID: a/g)?.length,
    1,
  );
});

test("fixed pieces", () => {
  assert.equal(LAST_CHUNK.toString(), "0\r\n\r\n");
  assert.equal(CONTINUE.toString(), "HTTP/1.1 100 Continue\r\n\r\n");
});

test("a head that is prepared is the one that is written, whatever came before it", () => {
  const heads = fc.constantFrom(
    "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n",
    "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n",
    "200 OK\r\nContent-Type: text/html!\r\nContent-Length: 5\r\n",
    "404 Not Found\r\nDate: now\r\n",
    "204 No Content\r\nContent-Length: 5\r\n",
    `200 OK\r\nX: ${"x".repeat(3_000)}\r\n`,
    "200 OK\r\nx-request-id: own\r\n",
  );
  const step = fc.record({
    head: heads,
    declared: fc.constantFrom(null, 5),
    minor: fc.constantFrom(0 as const, 1 as const),
    persistent: fc.boolean(),
    second: fc.constantFrom(0, 0, 0, 1),
    shift: fc.nat({ max: 9 }),
    requestId: fc.constantFrom(null, "a", "0123456789abcdef"),
    ownLines: fc.constantFrom("", "Server-Timing: app;dur=1\r\n"),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
      const writer = new ResponseHeadWriter("portico");
      let epochMs = DATE_MS;
      for (const { head, declared, minor, persistent, second, shift, ...own } of steps) {
        const { requestId, ownLines } = own;
        epochMs += second * 1000;
        writer.setDate(epochMs);
        const status = Number(head.slice(0, 3));
        const framing = frameResponse("GET", minor, persistent, status, declared);
        const bytes = Buffer.from(`${"?".repeat(shift)}${head}`, "latin1");
        const plain = new ResponseHeadWriter("portico");
        plain.setDate(epochMs);
        const target = Buffer.alloc(plain.sizeMax(head.length));
        const until = bytes.length;
        const end = plain.write(target, 0, bytes, shift, until, framing, requestId, ownLines);
        const length = writer.prepare(bytes, shift, until, framing, requestId, ownLines);
        assert.equal(writer.room.toString("latin1", 0, length), target.toString("latin1", 0, end));
        // The caller may write behind it.
        writer.room.fill(0x21, length, length + 100);
      }
    }),
  );
});
