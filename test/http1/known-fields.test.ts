import assert from "node:assert/strict";
import { test } from "node:test";
import { SINGLETON_FIELDS } from "../../src/http/fields.ts";
import { knownFieldAt } from "../../src/http1/known-fields.ts";

function known(name: string): string | null {
  const bytes = Buffer.from(`..${name}:`, "latin1");
  return knownFieldAt(bytes, 2, 2 + name.length)?.name ?? null;
}

const NAMES = [...SINGLETON_FIELDS, "transfer-encoding", "connection", "expect", "te", "via"];

test("a name is known in any case, and each single-valued field has a bit of its own", () => {
  for (const name of NAMES) {
    assert.equal(known(name), name);
    assert.equal(known(name.toUpperCase()), name);
  }
  const bits = SINGLETON_FIELDS.map((name) => {
    const bytes = Buffer.from(name);
    return knownFieldAt(bytes, 0, bytes.length)?.singletonBit ?? 0;
  });
  assert.equal(new Set(bits).size, bits.length);
  assert.ok(!bits.includes(0));
});

test("a name that only begins like a known one, or shares its slot, is not known", () => {
  const letters = "abcdefghijklmnopqrstuvwxyz";
  for (const name of NAMES) {
    for (const first of letters) {
      for (const second of letters) {
        const longer = name + first + second;
        assert.ok([null, longer].includes(known(longer)), longer);
        const changed = name.slice(0, -2) + first + second;
        assert.ok([null, changed].includes(known(changed)), changed);
      }
    }
  }
});

test("a token that differs from a known name in bit 5 of a byte is not known", () => {
  for (const name of ["content_length", "hos~", "hos^", "user_agent"]) {
    assert.equal(known(name), null, name);
  }
});
