import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import fc from "fast-check";

import { commonLogTime, isoTime, localTimeOfDay } from "../../../src/server/access-log/log-time.ts";

const zone = process.env["TZ"];

afterEach(() => {
  if (zone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zone;
});

test("the Common Log Format has local time and the zone", () => {
  const epochMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  for (const [name, text] of [
    ["UTC", "[02/Jan/2026:03:04:05 +0000]"],
    ["Europe/Berlin", "[02/Jan/2026:04:04:05 +0100]"],
    ["America/St_Johns", "[01/Jan/2026:23:34:05 -0330]"],
    ["Asia/Kathmandu", "[02/Jan/2026:08:49:05 +0545]"],
  ] as const) {
    process.env["TZ"] = name;
    assert.equal(commonLogTime()(epochMs), text);
    assert.equal(localTimeOfDay()(epochMs), text.slice(13, 21));
  }
});

test("ISO 8601 is the platform's, in any order of times", () => {
  const format = isoTime();
  const near = fc.integer({ min: 1_800_000_000_000, max: 1_800_000_003_000 });
  const any = fc.double({ min: 0, max: Date.UTC(9999, 11, 31), noNaN: true });
  fc.assert(
    fc.property(fc.oneof(near, any), (epochMs) => {
      assert.equal(format(epochMs), new Date(epochMs).toISOString());
    }),
  );
});

test("a second ends where it ends", () => {
  process.env["TZ"] = "UTC";
  const format = commonLogTime();
  const startMs = Date.UTC(2026, 11, 31, 23, 59, 59);
  const last = "[31/Dec/2026:23:59:59 +0000]";
  for (const [epochMs, text] of [
    [startMs + 500, last],
    [startMs + 999.9, last],
    [startMs + 1_000, "[01/Jan/2027:00:00:00 +0000]"],
    [startMs, last],
    [startMs - 1, "[31/Dec/2026:23:59:58 +0000]"],
  ] as const) {
    assert.equal(format(epochMs), text);
  }
});
