import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ANSWER_MAX_BYTES,
  asciiJson,
  type ControlAnswer,
  encodeAnswer,
  encodeRequest,
  LineReader,
  parseAnswer,
  parseRequest,
} from "../../../src/server/control/control-protocol.ts";

describe("requests", () => {
  test("come back as they were", () => {
    const request = { command: "scale", arguments: { min: 2, max: 8 } };
    const line = encodeRequest(request);
    assert.match(line, /^[\x20-\x7e]+\n$/);
    assert.deepEqual(parseRequest(line.trimEnd()), { kind: "request", request });
  });

  test("need no arguments", () => {
    const parsed = parseRequest('{"version":1,"command":"status"}');
    assert.deepEqual(parsed, { kind: "request", request: { command: "status", arguments: {} } });
  });

  for (const [line, why] of [
    ["", /no line of JSON/],
    ["GET / HTTP/1.1\r", /no line of JSON/],
    ["\xff\xfe\0", /no line of JSON/],
    ["[]", /no line of JSON/],
    ["null", /no line of JSON/],
    ["7", /no line of JSON/],
    ['{"version":1,"command":"status"', /no line of JSON/],
    ["{}", /version 1/],
    ['{"version":2,"command":"status"}', /version 1/],
    ['{"version":"1","command":"status"}', /version 1/],
    ['{"version":1}', /names no command/],
    ['{"version":1,"command":7}', /names no command/],
    ['{"version":1,"command":""}', /names no command/],
    ['{"version":1,"command":"\\u001b[2J"}', /names no command/],
    ['{"version":1,"command":"status","arguments":[1]}', /no object/],
    ['{"version":1,"command":"status","arguments":null}', /no object/],
  ] as const) {
    test(`${JSON.stringify(line)} is refused`, () => {
      const parsed = parseRequest(line);
      assert(parsed.kind === "refused");
      assert.match(parsed.why, why);
    });
  }
});

describe("answers", () => {
  const answers: ControlAnswer[] = [
    { kind: "progress", result: { accepted: true } },
    { kind: "done", result: { generation: 2 } },
    { kind: "failed", result: null, why: "no", details: "Traceback\n  line\n" },
    { kind: "failed", result: { generation: 3 }, why: "no", details: null },
    { kind: "refused", why: "no" },
  ];
  for (const answer of answers) {
    test(`${JSON.stringify(answer)} comes back as it was`, () => {
      const line = encodeAnswer(answer);
      assert.match(line, /^[\x20-\x7e]+\n$/);
      assert.deepEqual(parseAnswer(line.trimEnd()), answer);
    });
  }

  for (const line of [
    "",
    "{}",
    '{"version":1,"kind":"maybe"}',
    '{"version":2,"kind":"done","result":1}',
    '{"version":1,"kind":"failed"}',
    '{"version":1,"kind":"refused"}',
  ]) {
    test(`${line} is none`, () => assert.equal(parseAnswer(line), null));
  }

  test("a traceback without an end keeps its beginning and its end", () => {
    const details = `begin${"x".repeat(10_000_000)}end`;
    const line = encodeAnswer({ kind: "failed", result: null, why: "no", details });
    assert(line.length < 200_000);
    const answer = parseAnswer(line.trimEnd());
    assert(answer?.kind === "failed");
    assert.match(answer.details ?? "", /^begin[^]*\n\.\.\.\n[^]*end$/);
  });

  test("a result that nobody could read is told as a failure", () => {
    const line = encodeAnswer({ kind: "done", result: "x".repeat(ANSWER_MAX_BYTES) });
    assert.equal(parseAnswer(line.trimEnd())?.kind, "failed");
  });

  test("no byte of it can command a terminal", () => {
    const text = asciiJson({ a: "\x1b[31m\x07\x7f\x9b2J\u202e\ud83d\ude00\ud800" });
    assert.match(text, /^[\x20-\x7e]+$/);
    assert.deepEqual(JSON.parse(text), { a: "\x1b[31m\x07\x7f\x9b2J\u202e\ud83d\ude00\ud800" });
  });
});

describe("lines out of pieces", () => {
  test("however they are cut", () => {
    const bytes = Buffer.from("one\n\ntwo ä\nthree");
    for (let at = 0; at <= bytes.length; at++) {
      const reader = new LineReader(100);
      const lines = [bytes.subarray(0, at), bytes.subarray(at)].flatMap((it) => reader.push(it));
      assert.deepEqual(lines, ["one", "", "two ä"]);
    }
  });

  test("byte by byte, whatever waits belongs to the reader", () => {
    const reader = new LineReader(8);
    const lines: string[] = [];
    const byte = Buffer.alloc(1);
    for (const character of "ab\ncd\n") {
      byte.write(character);
      lines.push(...(reader.push(byte) ?? []));
    }
    assert.deepEqual(lines, ["ab", "cd"]);
  });

  test("one that is too long ends the reading, with its end or without", () => {
    assert.deepEqual(new LineReader(4).push(Buffer.from("1234\n")), ["1234"]);
    assert.equal(new LineReader(4).push(Buffer.from("12345\n")), null);
    const reader = new LineReader(4);
    assert.deepEqual(reader.push(Buffer.from("1234")), []);
    assert.equal(reader.push(Buffer.from("5")), null);
  });
});
