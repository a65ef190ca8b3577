import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { environmentName } from "../../src/options/option-spec.ts";
import { OPTION_KEYS, optionSpec } from "../../src/options/registry.ts";
import { formatValue, parseValue } from "../../src/options/values.ts";

const ROOT = join(import.meta.dirname, "../..");

test("no two options share a flag, a short form, a variable or another server's name", () => {
  const names = OPTION_KEYS.map(optionSpec).flatMap((spec) => [
    spec.flag,
    ...(spec.short === undefined ? [] : [spec.short]),
    environmentName(spec),
    ...(spec.environmentAliases ?? []).map(({ name }) => name),
    ...(spec.alsoCalled ?? []),
  ]);
  assert.deepEqual(names, [...new Set(names)]);
});

test("keys end in the unit they hold", () => {
  for (const key of OPTION_KEYS) {
    const { kind } = optionSpec(key);
    if (kind === "duration") assert.match(key, /Ms$/);
    if (kind === "bytes") assert.match(key, /Bytes$/);
  }
});

test("each number has a range, and each default is a value that the option takes", () => {
  for (const key of OPTION_KEYS) {
    const spec = optionSpec(key);
    if (["integer", "bytes", "duration"].includes(spec.kind)) {
      assert.ok((spec.min ?? -1) >= 0 && (spec.max ?? 0) > (spec.min ?? 0), key);
    }
    const values = Array.isArray(spec.fallback) ? (spec.fallback as unknown[]) : [spec.fallback];
    if (spec.kind === "assignment" || values[0] === null) continue;
    for (const value of values) {
      const text = value === "" ? "" : formatValue(spec, value);
      assert.deepEqual(parseValue(spec, text), { kind: "value", value }, key);
    }
  }
});

test("each option is read somewhere outside src/options, so that none is dead", () => {
  const sources = globSync("src/**/*.ts", { cwd: ROOT })
    .filter((path) => !path.startsWith("src/options/"))
    .map((path) => readFileSync(join(ROOT, path), "utf8"))
    .join("\n");
  // The file that --config names is read while options are resolved, and not named later.
  const dead = OPTION_KEYS.filter((key) => key !== "config").filter(
    (key) => !new RegExp(`\\boptions\\.${key}\\b`).test(sources),
  );
  assert.deepEqual(dead, []);
});
