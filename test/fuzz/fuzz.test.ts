/**
 * A short fuzz run with a fixed seed; `scripts/check-long` has the long one. And whether the fuzz
 * run would find anything: with faults that are put in on purpose.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connectionTarget } from "./connection-target.ts";
import { Dice } from "./dice.ts";
import { forwardedTarget } from "./forwarded-target.ts";
import { type FuzzProgress, FuzzRun } from "./fuzz.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { minimise } from "./minimise.ts";
import { proxyHeaderTarget } from "./proxy-header-target.ts";
import { receiverTarget } from "./receiver-target.ts";
import { responseTarget } from "./response-target.ts";
import { TransportTarget } from "./transport-target.ts";

const SEED = 20_261_121;

const folder = mkdtempSync(join(tmpdir(), "portico-fuzz-"));
after(() => rmSync(folder, { recursive: true }));

function fuzz(target: FuzzTarget, inputsMax: number, guided = false): Promise<FuzzProgress> {
  return new FuzzRun(target, {
    seed: SEED,
    inputsMax,
    millisecondsMax: Infinity,
    failuresFolder: folder,
    guided,
    onProgress() {},
  }).run();
}

/** Fails with what the first failing input did. */
function assertNoFailures({ failures }: FuzzProgress): void {
  const [first] = failures;
  if (first === undefined) return;
  const bytes = JSON.stringify(readFileSync(first, "latin1"));
  assert.fail(`${bytes}\n${readFileSync(first.replace(/http$/, "txt"), "utf8")}`);
}

for (const [target, inputs] of [
  [receiverTarget, 5_000],
  [connectionTarget, 2_000],
  [responseTarget, 3_000],
  [proxyHeaderTarget, 800],
  [forwardedTarget, 1_000],
] as const) {
  test(`fuzz: ${target.name}`, async () => {
    const progress = await fuzz(target, inputs);
    assertNoFailures(progress);
    assert.equal(progress.inputs, inputs);
  });
}

test("fuzz: the two byte streams", async () => {
  const target = await TransportTarget.open();
  try {
    assertNoFailures(await fuzz(target, 700));
  } finally {
    await target.close();
  }
});

test("a fault is found, made small, and kept with what it brings about", async () => {
  const faulty: FuzzTarget = {
    ...receiverTarget,
    check(input) {
      const text = input.toString("latin1");
      if (/^POST[^]*\n0\r\n/.test(text)) throw new Error("planted fault\nwith two lines");
      return "";
    },
  };
  const { failures } = await fuzz(faulty, 3_000);
  assert.equal(failures.length, 1, "one title is kept once");
  const [path = ""] = failures;
  assert.equal(readFileSync(path, "latin1"), "POST\n0\r\n");
  assert.match(readFileSync(path.replace(/http$/, "txt"), "utf8"), /planted fault/);
  assert.equal(readdirSync(folder).length, 2);
});

test("an input that reaches a branch which none had reached is kept", async () => {
  const { branches, corpus } = await fuzz({ ...receiverTarget, seeds: () => [] }, 256, true);
  assert.ok(branches > 50, `${branches}`);
  assert.ok(corpus > 10, `${corpus}`);
});

test("the same seed makes the same inputs", () => {
  const connections = (seed: number): string[] => {
    const dice = new Dice(seed);
    return dice.many(20, () => receiverTarget.generate(dice).toString("latin1"));
  };
  assert.deepEqual(connections(1), connections(1));
  assert.notDeepEqual(connections(1), connections(2));
});

test("an input is made no smaller than what still fails", async () => {
  const input = Buffer.from("some bytes, X, and some more, Y, and the rest");
  const fails = async (bytes: Buffer): Promise<boolean> => /X.*Y/.test(bytes.toString());
  assert.equal((await minimise(input, fails)).toString(), "XY");
});
