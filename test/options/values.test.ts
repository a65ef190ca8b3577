import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { OptionSpec } from "../../src/options/option-spec.ts";
import { OPTIONS } from "../../src/options/registry.ts";
import {
  describeExpected,
  formatBytes,
  formatDuration,
  formatValue,
  parseJsonValue,
  parseValue,
} from "../../src/options/values.ts";

const REFUSED = Symbol("refused");

const CASES: readonly (readonly [spec: OptionSpec, text: string, value: unknown])[] = [
  [OPTIONS.gracefulTimeoutMs, "30", 30_000],
  [OPTIONS.gracefulTimeoutMs, "30s", 30_000],
  [OPTIONS.gracefulTimeoutMs, "500ms", 500],
  [OPTIONS.gracefulTimeoutMs, "0.5", 500],
  [OPTIONS.gracefulTimeoutMs, "1.5M", 90_000],
  [OPTIONS.gracefulTimeoutMs, "24h", 86_400_000],
  [OPTIONS.gracefulTimeoutMs, "25h", REFUSED],
  [OPTIONS.gracefulTimeoutMs, "99ms", REFUSED],
  [OPTIONS.gracefulTimeoutMs, "0", REFUSED],
  [OPTIONS.gracefulTimeoutMs, "-1", REFUSED],
  [OPTIONS.gracefulTimeoutMs, "off", REFUSED],
  [OPTIONS.gracefulTimeoutMs, "30 s", REFUSED],
  [OPTIONS.gracefulTimeoutMs, "1e3", REFUSED],
  [OPTIONS.gracefulTimeoutMs, "Infinity", REFUSED],
  [OPTIONS.gracefulTimeoutMs, "", REFUSED],
  [OPTIONS.timeoutMs, "off", null],
  [OPTIONS.timeoutMs, "OFF", null],
  [OPTIONS.bodyLimitBytes, "512", 512],
  [OPTIONS.bodyLimitBytes, "16k", 16_384],
  [OPTIONS.bodyLimitBytes, "16K", 16_384],
  [OPTIONS.bodyLimitBytes, "16kb", 16_384],
  [OPTIONS.bodyLimitBytes, "1MiB", 1_048_576],
  [OPTIONS.bodyLimitBytes, "2g", 2_147_483_648],
  [OPTIONS.bodyLimitBytes, "1.5k", REFUSED],
  [OPTIONS.bodyLimitBytes, "1x", REFUSED],
  [OPTIONS.bodyLimitBytes, "0x10", REFUSED],
  [OPTIONS.bodyLimitBytes, "999999999999999t", REFUSED],
  [OPTIONS.bodyLimitBytes, "0", REFUSED],
  [OPTIONS.bodyLimitBytes, "off", null],
  [OPTIONS.workers, "auto", "auto"],
  [OPTIONS.workers, "1", "1"],
  [OPTIONS.workers, "512", "512"],
  [OPTIONS.workers, "2..8", "2..8"],
  [OPTIONS.workers, "513", REFUSED],
  [OPTIONS.workers, "2.0", REFUSED],
  [OPTIONS.workers, "NaN", REFUSED],
  [OPTIONS.quiet, "true", true],
  [OPTIONS.quiet, "0", false],
  [OPTIONS.quiet, "maybe", REFUSED],
  [OPTIONS.transport, "node", "node"],
  [OPTIONS.transport, "kqueue", REFUSED],
  [OPTIONS.rootPath, "", ""],
  [OPTIONS.rootPath, "/shop", "/shop"],
  [OPTIONS.rootPath, "/a/b", "/a/b"],
  [OPTIONS.rootPath, "/", REFUSED],
  [OPTIONS.rootPath, "/shop/", REFUSED],
  [OPTIONS.rootPath, "shop", REFUSED],
  [OPTIONS.rootPath, "/a?b", REFUSED],
  [OPTIONS.serverField, "off", null],
  [OPTIONS.serverField, "a\r\nX: y", REFUSED],
  [OPTIONS.serverField, "h\xe4", REFUSED],
  [OPTIONS.python, "a\0b", REFUSED],
  [OPTIONS.env, "A=b=c", ["A", "b=c"]],
  [OPTIONS.env, "A=", ["A", ""]],
  [OPTIONS.env, "A=1\n2", ["A", "1\n2"]],
  [OPTIONS.env, "=b", REFUSED],
  [OPTIONS.env, "A", REFUSED],
];

for (const [spec, text, value] of CASES) {
  test(`${spec.flag} ${JSON.stringify(text)}`, () => {
    const parsed = parseValue(spec, text);
    assert.deepEqual(parsed.kind === "value" ? parsed.value : REFUSED, value);
  });
}

test("JSON takes numbers, booleans and null where they mean something", () => {
  const valueOf = (spec: OptionSpec, json: unknown): unknown => {
    const parsed = parseJsonValue(spec, json);
    return parsed.kind === "value" ? parsed.value : REFUSED;
  };
  assert.equal(valueOf(OPTIONS.timeoutMs, 1.5), 1500);
  assert.equal(valueOf(OPTIONS.timeoutMs, "1500ms"), 1500);
  assert.equal(valueOf(OPTIONS.timeoutMs, null), null);
  assert.equal(valueOf(OPTIONS.workers, 2.5), REFUSED);
  assert.equal(valueOf(OPTIONS.workers, null), REFUSED);
  assert.equal(valueOf(OPTIONS.workers, true), REFUSED);
  assert.equal(valueOf(OPTIONS.quiet, true), true);
  assert.equal(valueOf(OPTIONS.quiet, 1), REFUSED);
  assert.equal(valueOf(OPTIONS.chdir, 1), REFUSED);
  assert.equal(valueOf(OPTIONS.chdir, null), null);
});

test("what is expected is said in words, with the range", () => {
  assert.equal(
    describeExpected(OPTIONS.workers),
    "auto, a number from 1 to 512, or a range such as 2..8",
  );
  assert.equal(describeExpected(OPTIONS.transport), "auto, epoll or node");
  assert.match(describeExpected(OPTIONS.timeoutMs), /10ms to 24h, or off$/);
  assert.match(describeExpected(OPTIONS.bodyLimitBytes), /1 or more, or off$/);
});

test("values are written as a person writes them", () => {
  assert.equal(formatValue(OPTIONS.timeoutMs, null), "off");
  assert.equal(formatValue(OPTIONS.python, null), "none");
  assert.equal(formatValue(OPTIONS.bind, ["a:1", "b:2"]), "a:1, b:2");
  assert.equal(formatValue(OPTIONS.env, { A: "1", B: "2" }), "A=1, B=2");
  assert.equal(formatValue(OPTIONS.rootPath, ""), "empty");
  assert.equal(formatValue(OPTIONS.headLimitBytes, 65_536), "64KiB");
});

test("sizes and durations that are written are read back as they were", () => {
  fc.assert(
    fc.property(fc.nat({ max: 86_400_000 }), (number) => {
      const unbounded = { ...OPTIONS.bodyLimitBytes, min: 0 };
      assert.deepEqual(parseValue(unbounded, formatBytes(number)), {
        kind: "value",
        value: number,
      });
      const time = { ...OPTIONS.timeoutMs, min: 0 };
      assert.deepEqual(parseValue(time, formatDuration(number)), { kind: "value", value: number });
    }),
  );
});
