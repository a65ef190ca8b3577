/** Quantities as they are shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as numbers from "../../../../src/server/dashboard/page/numbers.ts";

function plain(text: string): string {
  return text.replaceAll("\u00a0", " ");
}

test("durations have the unit that gives them two or three figures", () => {
  const shown = [0, 640, 999, 1_000, 2_149, 31_400, 999_000, 1_200_000, 14_200_000, 134_000_000];
  assert.deepEqual(
    shown.map((us) => plain(numbers.formatMicroseconds(us))),
    [
      "0 µs",
      "640 µs",
      "999 µs",
      "1.0 ms",
      "2.1 ms",
      "31 ms",
      "999 ms",
      "1.2 s",
      "14 s",
      "2 m 14 s",
    ],
  );
  assert.equal(numbers.formatMicroseconds(null), "–");
});

test("ages go from milliseconds to days", () => {
  const shown = [0.4, 340, 3_400, 59_000, 134_000, 8_053_000, 277_000_000];
  assert.deepEqual(
    shown.map((ms) => plain(numbers.formatAge(ms))),
    ["0 ms", "340 ms", "3.4 s", "59 s", "2 m 14 s", "2 h 14 m", "3 d 4 h"],
  );
});

test("bytes, counts and shares", () => {
  assert.deepEqual(
    [0, 812, 4_207, 38_400_000, 2_000_000_000].map((bytes) => plain(numbers.formatBytes(bytes))),
    ["0 B", "812 B", "4.2 kB", "38 MB", "2.0 GB"],
  );
  assert.equal(numbers.formatCount(1_048_576), "1,048,576");
  assert.deepEqual([0, 0.004, 0.121, 1.6].map(numbers.formatShare), ["0%", "0.4%", "12%", "160%"]);
  assert.deepEqual(
    [numbers.formatBytes(null), numbers.formatCount(null), numbers.formatShare(null)],
    ["–", "–", "–"],
  );
});

test("what belongs to one gateway of several says so", () => {
  assert.deepEqual([undefined, 0, 12].map(numbers.ofGateway), [
    "",
    " · gateway 0",
    " · gateway 12",
  ]);
});

test("times of day have two digits each", () => {
  assert.match(numbers.formatTime(1_800_000_000_000), /^\d\d:\d\d:\d\d$/);
  assert.match(numbers.formatMinute(1_800_000_000_000), /^\d\d:\d\d$/);
});
