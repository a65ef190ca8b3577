/** What replays of vectors over a live server share. */
import assert from "node:assert/strict";
import type { RequestLimits } from "../../src/http1/receiver.ts";

/** Replays that are under way at a time. */
const CONNECTIONS = 32;

/** Which option sets a limit, and the least that it takes. */
const LIMIT_OPTIONS: Readonly<Partial<Record<keyof RequestLimits, [string, number]>>> = {
  requestLineLimitBytes: ["--limit-request-line", 64],
  headLimitBytes: ["--limit-request-head", 256],
  fieldCountMax: ["--limit-request-fields", 1],
  fieldLimitBytes: ["--limit-request-field-size", 64],
  trailerLimitBytes: ["--limit-request-trailers", 2],
  chunkExtensionLimitBytes: ["--limit-chunk-extensions", 1],
  bodyLimitBytes: ["--limit-request-body", 1],
};

/** The options for a vector's limits, parted by spaces; null where there are none for them. */
export function optionsFor(limits: Partial<RequestLimits>): string | null {
  const options: string[] = [];
  for (const [name, value] of Object.entries(limits)) {
    const option = LIMIT_OPTIONS[name as keyof RequestLimits];
    if (option === undefined || value < option[1]) return null;
    options.push(`${option[0]} ${value}`);
  }
  return options.join(" ");
}

/** Runs the tasks, some at a time, and says which of them failed. */
export async function runAll(
  tasks: readonly [name: string, run: () => Promise<void>][],
): Promise<void> {
  const failures: string[] = [];
  const queue = tasks.values();
  const runner = async (): Promise<void> => {
    for (const [name, run] of queue) {
      await run().catch((error: unknown) => failures.push(`${name}: ${String(error)}`));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, runner));
  assert.deepEqual(failures, []);
}
