import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import {
  createLog,
  formatJsonRecord,
  formatRecord,
  formatTimestamp,
  NULL_LOG,
} from "../../src/base/log.ts";
import type { LogLevel } from "../../src/base/log.ts";

const CLOCK = { epochMs: () => Date.UTC(2026, 10, 21, 4, 58, 0, 123) };

function linesOf(levelMin: LogLevel): string[] {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), CLOCK, levelMin);
  log.error("e");
  log.warn("w");
  log.info("i");
  log.debug("d");
  return lines.map((line) => line.split(" ")[1] ?? "");
}

test("a record is one line: time, level, message, fields", () => {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), CLOCK, "info");
  log.error("worker exited", { pid: 4711, signal: "SIGKILL", status: null, expected: false });
  assert.deepEqual(lines, [
    "2026-11-21T04:58:00.123Z error worker exited pid=4711 signal=SIGKILL status=- expected=false",
  ]);
});

test("records below the level are not written", () => {
  assert.deepEqual(linesOf("error"), ["error"]);
  assert.deepEqual(linesOf("warn"), ["error", "warn"]);
  assert.deepEqual(linesOf("info"), ["error", "warn", "info"]);
  assert.deepEqual(linesOf("debug"), ["error", "warn", "info", "debug"]);
});

test("as JSON a record is one object in a line, details included", () => {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), CLOCK, "info", "json");
  log.info("started");
  log.error("worker exited", { pid: 4711, status: null, ok: false, gone: undefined }, "a\n  b\n\n");
  log.debug("not written");
  assert.deepEqual(lines, [
    '{"time":"2026-11-21T04:58:00.123Z","level":"info","message":"started"}',
    '{"time":"2026-11-21T04:58:00.123Z","level":"error","message":"worker exited",' +
      '"fields":{"pid":4711,"status":null,"ok":false},"details":"a\\n  b"}',
  ]);
});

test("as JSON everything is had back as it was, in a line of ASCII", () => {
  const text = fc.string({ unit: "binary", maxLength: 100 });
  const value = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null));
  fc.assert(
    fc.property(text, fc.dictionary(text, value, { noNullPrototype: true }), (message, fields) => {
      const line = formatJsonRecord(0, "warn", message, fields);
      assert.match(line, /^[\x20-\x7e]*$/);
      const object = JSON.parse(line) as Record<string, unknown>;
      assert.equal(object["message"], message);
      assert.deepEqual(object["fields"] ?? {}, fields);
    }),
  );
});

test("as JSON texts are cut at their bound, and it stays JSON", () => {
  const long = '"'.repeat(10_000);
  const details = Array.from({ length: 1_000 }, (_, index) => `${index} ${long}`).join("\n");
  const line = formatJsonRecord(0, "info", long, { long, nan: Number.NaN }, details);
  const object = JSON.parse(line) as { message: string; fields: { long: string }; details: string };
  for (const one of [object.message, object.fields.long]) {
    assert.equal(one.length, 4096);
    assert.ok(one.endsWith('"...'));
  }
  const kept = object.details.split("\n");
  assert.equal(kept.length, 200);
  assert.equal(kept[99], "...");
  assert.match(kept[199] ?? "", /^999 .*\.\.\.$/);
});

test("the null log takes every record", () => {
  for (const level of ["error", "warn", "info", "debug"] as const) {
    assert.equal(NULL_LOG[level]("dropped"), undefined);
  }
});

test("nothing from outside breaks out of its line or its field", () => {
  const line = formatRecord(0, "warn", "bad\nline", {
    target: '/a b"c=d\r\n2026 error forged',
    empty: "",
    hyphen: "-",
    absent: undefined,
  });
  assert.equal(
    line,
    "1970-01-01T00:00:00.000Z warn bad\\nline " +
      'target="/a b\\"c=d\\r\\n2026 error forged" empty="" hyphen="-"',
  );
});

test("a line is cut at its bound, and the cut is shown", () => {
  const line = formatRecord(0, "info", "x", { long: "y".repeat(10_000) });
  assert.equal(line.length, 4096);
  assert.ok(line.endsWith("y..."));
});

test("the time is the platform's ISO 8601, for every day up to the year 9999", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (epochMs) => {
      assert.equal(formatTimestamp(epochMs), new Date(epochMs).toISOString());
    }),
  );
  for (const date of ["2000-02-29", "2100-02-28", "2100-03-01", "2024-12-31", "2023-01-01"]) {
    assert.equal(formatTimestamp(Date.parse(date)), `${date}T00:00:00.000Z`);
  }
});

test("docs/observe.md shows records as the program writes them", () => {
  const root = path.join(import.meta.dirname, "../..");
  const page = readFileSync(path.join(root, "docs/observe.md"), "utf8");
  const writer = readFileSync(path.join(root, "src/workers/worker-pool.ts"), "utf8");
  const [, broken = ""] = /\n {4}(\{"time".*\n(?: {4}.*\n)*)/.exec(page) ?? [];
  const json = broken.replaceAll("\n    ", "").trim();
  const { time, level, message, fields } = JSON.parse(json);
  assert.equal(json, formatJsonRecord(Date.parse(time), level, message, fields));
  assert.ok(writer.includes(`.${level}("${message}", endFields(`), message);
  const [, text = "", textTime = "", pid] =
    /\n {4}((\S+Z) error a worker .*? pid=(\d+) .*)\n/.exec(page) ?? [];
  const record = formatRecord(Date.parse(textTime), level, message, { ...fields, pid });
  assert.equal(text, record);
});
