/** What comes of an input, and how one that fails is kept. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashOf } from "./dice.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { minimise } from "./minimise.ts";

/** Where `scripts/check-long` keeps failing inputs; git does not know the folder. */
export const FAILURES_FOLDER: string = join(import.meta.dirname, "../../.fuzz-failures");

/** What came of an input: of what kind it was, or how it failed. */
export type Outcome = { readonly kind: string } | { readonly failure: string };

export async function outcomeOf(target: FuzzTarget, input: Buffer): Promise<Outcome> {
  try {
    return { kind: await target.check(input) };
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** What tells failures apart: the first line of the message. */
export function titleOf(failure: string): string {
  return failure.split("\n")[0] ?? "";
}

/**
 * Makes the input smaller and writes it down, with what it brings about in a file beside it.
 *
 * @returns the path of the input
 */
export async function keepFailure(
  folder: string,
  target: FuzzTarget,
  input: Buffer,
  failure: string,
): Promise<string> {
  const title = titleOf(failure);
  const smallest = await minimise(input, async (smaller) => {
    const outcome = await outcomeOf(target, smaller);
    return "failure" in outcome && titleOf(outcome.failure) === title;
  });
  mkdirSync(folder, { recursive: true });
  const name = `${target.name}-${hashOf(smallest).toString(16)}`;
  const path = join(folder, `${name}.http`);
  writeFileSync(path, smallest);
  const last = await outcomeOf(target, smallest);
  const shown = "failure" in last ? last.failure : failure;
  writeFileSync(join(folder, `${name}.txt`), `${shown}\n`);
  return path;
}
