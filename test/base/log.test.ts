import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { createLog, formatRecord, formatTimestamp, NULL_LOG } from "../../src/base/log.ts";
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
