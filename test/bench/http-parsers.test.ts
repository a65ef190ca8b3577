import assert from "node:assert/strict";
import { test } from "node:test";
import { llhttp, nodeHttp, portico } from "../../bench/http-parsers.ts";
import { inspectorUrl } from "../../bench/inspector.ts";
import { fieldsOf, headOf } from "../../bench/request-heads.ts";

const COUNTS = [4, 12, 33, 40];

for (const [name, make] of Object.entries({ portico, llhttp, nodeHttp })) {
  test(`${name} parses one head after the other, and refuses what is none`, () => {
    const parse = make();
    const memory = Buffer.alloc(65_536);
    for (const count of COUNTS) {
      for (const last of ["a", "b", "b"]) {
        const length = headOf(fieldsOf(count), last).copy(memory);
        parse(memory, length);
      }
    }
    const length = memory.write("GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n", "latin1");
    assert.throws(() => parse(memory, length));
  });
}

test("a head has as many fields as were asked for, all different", () => {
  for (const count of COUNTS) {
    const fields = fieldsOf(count);
    assert.equal(new Set(fields.map((line) => line.split(":", 1)[0])).size, count);
    assert.equal(headOf(fields, "").toString().split("\r\n").length, count + 3);
  }
});

test("where a process can be inspected is found in its output", () => {
  const line = "Debugger listening on ws://127.0.0.1:38123/8a-b1\nFor help, see ...\n";
  assert.equal(inspectorUrl(line), "ws://127.0.0.1:38123/8a-b1");
  assert.equal(inspectorUrl("portico 0.1.0 serves hello:app"), null);
});
