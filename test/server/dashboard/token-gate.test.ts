/** The token: what is right, what is not looked at, and for how long. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TokenGate } from "../../../src/server/dashboard/token-gate.ts";

const TOKEN = "0123456789abcdef";

function gateAt(times: { nowMs: number }): TokenGate {
  return new TokenGate(TOKEN, { nowMs: () => times.nowMs, epochMs: () => 0 });
}

describe("the token of the live page", () => {
  test("is taken as a Bearer token only, whole, and with its case", () => {
    const gate = gateAt({ nowMs: 0 });
    const kindOf = (field: string | undefined, from: string): string =>
      gate.judge(field, from).kind;
    assert.equal(kindOf(`Bearer ${TOKEN}`, "a"), "right");
    assert.equal(kindOf(`bearer ${TOKEN}`, "a"), "right");
    assert.equal(kindOf(undefined, "a"), "missing");
    assert.equal(kindOf("", "a"), "missing");
    assert.equal(kindOf(`Basic ${TOKEN}`, "a"), "missing");
    assert.equal(kindOf(`Bearer ${TOKEN} `, "a"), "missing");
    assert.equal(kindOf(`Bearer ${"x".repeat(1_025)}`, "a"), "missing");
    const wrong = [TOKEN.slice(0, -1), `${TOKEN}0`, TOKEN.toUpperCase(), "x"];
    wrong.forEach((token, index) => {
      assert.equal(kindOf(`Bearer ${token}`, `from ${index}`), "wrong");
    });
  });

  test("has whoever was wrong pause, longer with each, and is right meanwhile", () => {
    const times = { nowMs: 1_000 };
    const gate = gateAt(times);
    for (const pauseMs of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      assert.equal(gate.judge("Bearer wrong", "a").kind, "wrong");
      times.nowMs += pauseMs - 1;
      assert.equal(gate.judge(`Bearer ${TOKEN}`, "a").kind, "right", "whoever else is there");
      const verdict = gate.judge("Bearer other", "a");
      assert.deepEqual(verdict, { kind: "too-soon", waitMs: 1 }, "the right one ends no pause");
      times.nowMs += 1;
    }
    times.nowMs += 60_000;
    assert.equal(gate.judge("Bearer wrong", "a").kind, "wrong");
    times.nowMs += 500;
    assert.equal(gate.judge("Bearer wrong", "a").kind, "wrong", "after a minute it counts anew");
  });

  test("is looked at from elsewhere, and who fails everywhere makes nothing grow", () => {
    const gate = gateAt({ nowMs: 0 });
    for (let index = 0; index < 1_000; index++) gate.judge("Bearer wrong", `host ${index}`);
    assert.equal(gate.judge(`Bearer ${TOKEN}`, "somebody else").kind, "right");
    assert.equal(gate.judge("Bearer wrong", "host 999").kind, "too-soon");
    assert.equal(gate.judge("Bearer wrong", "host 0").kind, "wrong", "forgotten for newer ones");
  });
});
