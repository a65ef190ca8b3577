/**
 * Rounds of faults at random, for `scripts/check-long`: what is done, when, and to which load
 * follows from a seed. A round that fails is told with its seed, by which it is run again.
 *
 *     node test/faults/rounds.ts [--rounds 200] [--seed N] [--only PART-OF-A-FAULT'S-NAME]
 */
import { parseArgs } from "node:util";
import { Dice } from "../fuzz/dice.ts";
import { describeRound, runRound, shapeOf } from "./round.ts";

const ROUNDS_DEFAULT = 200;

const { values } = parseArgs({
  options: { rounds: { type: "string" }, seed: { type: "string" }, only: { type: "string" } },
});
const rounds = Number(values.rounds ?? process.env["PORTICO_FAULT_ROUNDS"] ?? ROUNDS_DEFAULT);
const first = Number(
  values.seed ?? process.env["PORTICO_FAULT_SEED"] ?? Date.now() % 1_000_000_000,
);
if (!(rounds > 0) || !Number.isSafeInteger(first)) {
  throw new Error("--rounds is a number above 0, --seed an integer");
}

const failed: number[] = [];
for (let seed = first; seed < first + rounds; seed++) {
  const dice = new Dice(seed);
  const shape = shapeOf(dice, seed, values.only ?? null);
  console.log(`faults: seed ${seed}: ${describeRound(shape)}`);
  try {
    console.log(`faults: seed ${seed}: ${await runRound(shape, dice)}`);
  } catch (error) {
    failed.push(seed);
    // What fails first may have the end of the server fail as well.
    const cause = error instanceof SuppressedError ? error.suppressed : error;
    console.log(`faults: seed ${seed}: FAILED\n${cause instanceof Error ? cause.stack : cause}`);
  }
}
console.log(`faults: ${rounds} rounds, ${failed.length} failed`);
for (const seed of failed) {
  const only = values.only === undefined ? "" : ` --only '${values.only}'`;
  console.log(`faults: again: node test/faults/rounds.ts --rounds 1 --seed ${seed}${only}`);
}
process.exitCode = failed.length > 0 ? 1 : 0;
