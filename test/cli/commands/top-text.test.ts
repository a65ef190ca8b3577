import assert from "node:assert/strict";
import { test } from "node:test";
import { readKeys } from "../../../src/cli/commands/top-terminal.ts";
import {
  briefCount,
  briefDuration,
  briefSize,
  latency,
  sparkline,
} from "../../../src/cli/commands/top-text.ts";
import { screenStyle } from "../../../src/cli/commands/top.ts";

test("durations take four characters at most", () => {
  for (const [ms, text] of [
    [0, "0ms"],
    [999, "999ms"],
    [999.7, "1.0s"],
    [9_949, "9.9s"],
    [9_951, "10s"],
    [99_499, "99s"],
    [99_500, "2m"],
    [5_939_000, "99m"],
    [5_940_000, "2h"],
    [172_799_000, "48h"],
    [172_800_000, "2d"],
    [-5, "0ms"],
  ] as const) {
    assert.equal(briefDuration(ms), text);
  }
});

test("counts and sizes", () => {
  for (const [count, text] of [
    [0, "0"],
    [999, "999"],
    [1_000, "1.0k"],
    [12_345, "12.3k"],
    [99_960, "100k"],
    [999_600, "1.0M"],
    [4_500_000_000, "4.5G"],
  ] as const) {
    assert.equal(briefCount(count), text);
  }
  assert.equal(briefSize(1_023), "1023");
  assert.equal(briefSize(500), "500");
  assert.equal(briefSize(3 * 1_024 ** 2), "3.0M");
});

test("latencies", () => {
  assert.deepEqual([null, 0, 850, 9_999, 12_400, 1_234_567].map(latency), [
    "-",
    "0.00 ms",
    "0.85 ms",
    "10.00 ms",
    "12 ms",
    "1.2 s",
  ]);
});

test("a sparkline is as high as the highest, and shows the least that is not nothing", () => {
  const ascii = { colours: false, unicode: false };
  assert.equal(sparkline([0, 1, 500, 1_000], ascii), " .=#");
  assert.equal(sparkline([0, 1, 500, 1_000], { ...ascii, unicode: true }), " ▁▄█");
  assert.equal(sparkline([0, 0], ascii), "  ");
  assert.equal(sparkline([], ascii), "");
});

test("keys, however their bytes come", () => {
  assert.deepEqual(readKeys("q", false), { keys: ["quit"], rest: "" });
  assert.deepEqual(readKeys("\x1b[A\x1bOBx\x1b[6~s", false), {
    keys: ["up", "down", "page-down", "stack"],
    rest: "",
  });
  assert.deepEqual(readKeys("j\x1b", false), { keys: ["down"], rest: "\x1b" });
  assert.deepEqual(readKeys("\x1b[", false), { keys: [], rest: "\x1b[" });
  assert.deepEqual(readKeys("\x1b", true), { keys: ["leave"], rest: "" });
  assert.deepEqual(readKeys("\x03", false), { keys: ["quit"], rest: "" });
});

test("what a terminal can show is said by its environment", () => {
  assert.deepEqual(screenStyle({ LANG: "de_DE.UTF-8", TERM: "xterm" }), {
    colours: true,
    unicode: true,
  });
  assert.deepEqual(screenStyle({ LANG: "de_DE.UTF-8", LC_ALL: "C", NO_COLOR: "1" }), {
    colours: false,
    unicode: false,
  });
  assert.equal(screenStyle({ NO_COLOR: "" }).colours, true);
  assert.equal(screenStyle({ TERM: "dumb" }).colours, false);
});
