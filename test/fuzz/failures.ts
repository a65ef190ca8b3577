/** Where failing inputs are kept: a folder that git does not know. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashOf } from "./dice.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { minimise } from "./minimise.ts";

export const FAILURES_FOLDER: string = join(import.meta.dirname, "../../.fuzz-failures");

/** How an input fails; null where it does not. */
export async function failureOf(target: FuzzTarget, input: Buffer): Promise<string | null> {
  try {
    await target.check(input);
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

/** What tells failures apart: the first line of the message. */
export function kindOf(failure: string): string {
  return failure.split("\n")[0] ?? "";
}

/**
 * Makes the input smaller and writes it down, with what it brings about in a file beside it.
 *
 * @returns the path of the input
 */
export async function keepFailure(
  target: FuzzTarget,
  input: Buffer,
  failure: string,
): Promise<string> {
  const kind = kindOf(failure);
  const smallest = await minimise(input, async (smaller) => {
    const other = await failureOf(target, smaller);
    return other !== null && kindOf(other) === kind;
  });
  mkdirSync(FAILURES_FOLDER, { recursive: true });
  const name = `${target.name}-${hashOf(smallest).toString(16)}`;
  const path = join(FAILURES_FOLDER, `${name}.http`);
  writeFileSync(path, smallest);
  const last = (await failureOf(target, smallest)) ?? failure;
  writeFileSync(join(FAILURES_FOLDER, `${name}.txt`), `${last}\n`);
  return path;
}
