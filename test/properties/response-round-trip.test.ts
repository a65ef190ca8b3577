/**
 * What `ResponseWriter` writes, a strict client reads as it was meant: status, fields, and a
 * content that is never longer than was declared; whatever the application gives, in whatever
 * pieces, to requests of every kind.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ResponseHeadWriter } from "../../src/http1/response.ts";
import { ResponseWriter } from "../../src/server/response-writer.ts";
import { MemoryStream } from "../net/memory-stream.ts";
import { fieldOf, readAnswers } from "./answer-reader.ts";

const DATE_MS = 784_111_777_000;
const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
const SCRATCH_SIZES = [256, 700, 4_096];

const fieldName = fc
  .stringMatching(/^[!#-'*+.^_`|~\w-]{1,12}$/)
  .filter((name) => !/^(?:content-length|connection|date|server)$/i.test(name));
const fieldValue = fc.stringMatching(/^([\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]{0,20}\x21)?$/);
const pieces = fc.array(fc.string({ unit: "binary-ascii", maxLength: 60, size: "max" }), {
  maxLength: 5,
});

const exchange = fc.record({
  method: fc.constantFrom("GET", "HEAD", "POST", "CONNECT"),
  versionMinor: fc.constantFrom<0 | 1>(0, 1),
  persistent: fc.boolean(),
  status: fc.constantFrom(200, 201, 204, 205, 206, 301, 304, 404, 500, 599),
  reason: fc.stringMatching(/^[\x20-\x7e]{0,20}$/),
  fields: fc.array(fc.tuple(fieldName, fieldValue), { maxLength: 5 }),
  ownDate: fc.boolean(),
  ownServer: fc.boolean(),
  declared: fc.option(fc.nat(150)),
  pieces,
  headAlone: fc.boolean(),
  scratchBytes: fc.constantFrom(...SCRATCH_SIZES),
});

type Exchange = typeof exchange extends fc.Arbitrary<infer Value> ? Value : never;

function headLines(given: Exchange): [string, string][] {
  const lines: [string, string][] = [...given.fields];
  if (given.ownDate) lines.push(["dAte", "Tue, 15 Nov 1994 08:12:31 GMT"]);
  if (given.ownServer) lines.push(["SERVER", "own"]);
  if (given.declared !== null) lines.push(["Content-Length", String(given.declared)]);
  return lines;
}

/** Writes the answer, and says what left and whether the connection could go on. */
function write(given: Exchange): { received: Buffer; keepAlive: boolean } {
  const stream = new MemoryStream();
  const headWriter = new ResponseHeadWriter("portico", given.scratchBytes);
  headWriter.setDate(DATE_MS);
  const writer = new ResponseWriter(stream, headWriter, Buffer.alloc(given.scratchBytes));
  const { method, versionMinor, persistent, status, declared } = given;
  writer.begin({ method, versionMinor }, persistent, status, declared);
  const lines = headLines(given).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${status} ${given.reason}\r\n${lines.join("")}`;
  const [first = "", ...rest] = given.headAlone ? ["", ...given.pieces] : given.pieces;
  const bytes = Buffer.from(`before${head}${first}behind`, "latin1");
  const headEnd = 6 + head.length;
  writer.head(bytes, 6, headEnd, headEnd + first.length, rest.length === 0);
  for (const piece of rest) {
    const content = Buffer.from(`before${piece}behind`, "latin1");
    writer.content(content, 6, 6 + piece.length);
  }
  if (rest.length > 0) writer.end();
  return { received: stream.received, keepAlive: writer.keepAlive };
}

test("property: an answer that is written and read is the same", () => {
  fc.assert(
    fc.property(exchange, (given) => {
      const { received, keepAlive } = write(given);
      const answers = readAnswers(received, [given.method]);
      assert.equal(answers.length, 1);
      const [answer] = answers;
      assert.ok(answer !== undefined);
      assert.deepEqual([answer.status, answer.reason], [given.status, given.reason]);
      const all = given.pieces.join("");
      const isBodyless =
        given.method === "HEAD" ||
        [204, 205, 304].includes(given.status) ||
        (given.method === "CONNECT" && given.status < 300);
      const expected = isBodyless ? "" : all.slice(0, given.declared ?? all.length);
      assert.equal(answer.content, expected);
      assert.ok(answer.content.length <= (given.declared ?? Infinity), "never more than declared");
      if (!isBodyless && given.declared !== null) {
        assert.equal(answer.complete, all.length >= given.declared, "short of what was declared");
      }
      const length = fieldOf(answer, "content-length");
      if (given.status === 205) assert.ok(length === null || length === "0", "a 205 has nothing");
      else assert.ok(length === null || Number(length) === given.declared, "the length declared");
      assert.equal(fieldOf(answer, "connection") !== "close", keepAlive);
      if (keepAlive) assert.ok(given.persistent && answer.end !== "close");
    }),
    { numRuns: Math.max(1_000, fc.readConfigureGlobal().numRuns ?? 0) },
  );
});

test("property: the application's fields leave as they are, in order, and ours beside them", () => {
  fc.assert(
    fc.property(exchange, (given) => {
      const [answer] = readAnswers(write(given).received, [given.method]);
      assert.ok(answer !== undefined);
      const ours = new Set(["connection", "transfer-encoding", "content-length", "date", "server"]);
      const own = given.fields.map(([name, value]) => [name.toLowerCase(), value]);
      const foreign = answer.fields.filter(([name]) => !ours.has(name));
      assert.deepEqual(
        foreign,
        own.filter(([name = ""]) => !ours.has(name)),
      );
      assert.equal(fieldOf(answer, "date") === DATE, !given.ownDate);
      assert.equal(fieldOf(answer, "server"), given.ownServer ? "own" : "portico");
      const isChunked = fieldOf(answer, "transfer-encoding") !== null;
      if (isChunked) assert.ok(given.versionMinor === 1 && given.declared === null);
    }),
    { numRuns: Math.max(1_000, fc.readConfigureGlobal().numRuns ?? 0) },
  );
});
