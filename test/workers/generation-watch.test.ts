import assert from "node:assert/strict";
import { test } from "node:test";

import { GenerationWatch, type GenerationRecord } from "../../src/workers/generation-watch.ts";

const ENDS_AT_MS = 10_000;
const BEFORE_MS = 60_000;
const GOOD: GenerationRecord = { answered: 1_000, failed: 0, crashes: 0 };

/** @param before of the last minute; the watch began at 0 */
function judge(before: GenerationRecord, record: GenerationRecord, nowMs = 1_000): string {
  const watch = new GenerationWatch(0, ENDS_AT_MS, { ...before, spanMs: BEFORE_MS });
  return watch.judge(nowMs, record).kind;
}

test("without failures the watch is undecided until its end, and then passed", () => {
  const record = { answered: 50, failed: 0, crashes: 0 };
  assert.equal(judge(GOOD, record, ENDS_AT_MS - 1), "undecided");
  assert.equal(judge(GOOD, record, ENDS_AT_MS), "passed");
});

test("a site without traffic passes", () => {
  const nothing = { answered: 0, failed: 0, crashes: 0 };
  assert.equal(judge(nothing, nothing, ENDS_AT_MS), "passed");
});

test("where each request fails, three are enough", () => {
  assert.equal(judge(GOOD, { answered: 2, failed: 2, crashes: 0 }), "undecided");
  assert.equal(judge(GOOD, { answered: 3, failed: 3, crashes: 0 }), "failing");
});

test("where some fail, five are needed, and a tenth more of all than before", () => {
  assert.equal(judge(GOOD, { answered: 12, failed: 4, crashes: 0 }), "undecided");
  assert.equal(judge(GOOD, { answered: 15, failed: 5, crashes: 0 }), "failing");
  assert.equal(judge(GOOD, { answered: 51, failed: 5, crashes: 0 }), "undecided");
});

test("what failed before just as often is nobody's fault", () => {
  const bad = { answered: 100, failed: 90, crashes: 0 };
  assert.equal(judge(bad, { answered: 20, failed: 19, crashes: 0 }), "undecided");
  assert.equal(judge(bad, { answered: 20, failed: 19, crashes: 0 }, ENDS_AT_MS), "passed");
});

test("where requests failed before, a few that fail one after the other are chance", () => {
  const often = { answered: 100, failed: 30, crashes: 0 };
  assert.equal(judge(often, { answered: 3, failed: 3, crashes: 0 }), "undecided");
  assert.equal(judge(often, { answered: 6, failed: 6, crashes: 0 }), "undecided");
  assert.equal(judge(often, { answered: 8, failed: 8, crashes: 0 }), "failing");
  assert.equal(judge(often, { answered: 20, failed: 10, crashes: 0 }), "undecided");
  assert.equal(judge(often, { answered: 200, failed: 100, crashes: 0 }), "failing");
  const seldom = { answered: 1_000, failed: 10, crashes: 0 };
  assert.equal(judge(seldom, { answered: 3, failed: 3, crashes: 0 }), "failing");
});

test("at the share of before, no more than one look in 10,000 takes code back by chance", () => {
  const before = { answered: 100_000, failed: 20_000, crashes: 0 };
  for (let answered = 1; answered <= 60; answered++) {
    let chance = 0;
    for (let failed = answered; failed >= 0; failed--) {
      if (judge(before, { answered, failed, crashes: 0 }) !== "failing") break;
      chance += binomial(answered, failed, 0.2);
    }
    assert.ok(chance <= 1e-4, `${answered} requests: ${chance}`);
  }
});

/** The probability of `failed` of `answered`, each with probability `share`. */
function binomial(answered: number, failed: number, share: number): number {
  let probability = share ** failed * (1 - share) ** (answered - failed);
  for (let index = 0; index < failed; index++) probability *= (answered - index) / (index + 1);
  return probability;
}

test("it says how many failed, and how many did before", () => {
  const before = { answered: 200, failed: 2, crashes: 0, spanMs: BEFORE_MS };
  const watch = new GenerationWatch(0, ENDS_AT_MS, before);
  const verdict = watch.judge(0, { answered: 10, failed: 8, crashes: 0 });
  assert.equal(verdict.kind, "failing");
  assert.match(verdict.kind === "failing" ? verdict.why : "", /8 of 10 requests.*80 %.*1 %/);
});

test("three workers that end by themselves are too many where none did before", () => {
  assert.equal(judge(GOOD, { answered: 9, failed: 0, crashes: 2 }), "undecided");
  assert.equal(judge(GOOD, { answered: 9, failed: 0, crashes: 3 }), "failing");
  // Two in a minute: three in a second are no chance.
  assert.equal(judge({ ...GOOD, crashes: 2 }, { answered: 9, failed: 0, crashes: 3 }), "failing");
});

test("workers that end by themselves as often as before are nobody's fault", () => {
  // Without requests ten in ten seconds are what one a second leads to, and 20 may be chance.
  const perSecond = { answered: 0, failed: 0, crashes: 60 };
  const idle = (crashes: number): string =>
    judge(perSecond, { answered: 0, failed: 0, crashes }, ENDS_AT_MS - 1);
  assert.equal(idle(10), "undecided");
  assert.equal(idle(20), "undecided");
  assert.equal(idle(30), "failing");
  // More requests come than before, and each tenth of them ends its worker, then as now.
  const perRequest = { answered: 60, failed: 6, crashes: 6 };
  const busy = (crashes: number): string =>
    judge(perRequest, { answered: 120, failed: 12, crashes }, 1_000);
  assert.equal(busy(12), "undecided");
  assert.equal(busy(24), "undecided");
  assert.equal(busy(40), "failing");
});

test("at the rate of before, no more than one look in 10,000 takes code back by chance", () => {
  for (let expected = 0.25; expected <= 40; expected *= 2) {
    const before = { answered: 0, failed: 0, crashes: expected * (BEFORE_MS / 1_000) };
    let chance = 1;
    let probability = Math.exp(-expected);
    for (let crashes = 0; crashes <= 200; crashes++) {
      if (judge(before, { answered: 0, failed: 0, crashes }) === "failing") break;
      chance -= probability;
      probability *= expected / (crashes + 1);
    }
    assert.ok(chance <= 1e-4, `${expected} are expected: ${chance}`);
  }
});

test("a failure in the last moment counts", () => {
  assert.equal(judge(GOOD, { answered: 9, failed: 9, crashes: 0 }, ENDS_AT_MS + 1), "failing");
});
