/**
 * The fuzz run of `scripts/check-long`: all targets one after the other, each for its share of the
 * time. What fails is made small and kept in `.fuzz-failures/`; it becomes a vector when it is
 * repaired.
 *
 *     node test/fuzz/run.ts [--minutes 60] [--seed N] [--target NAME]...
 */
import { parseArgs } from "node:util";
import { connectionTarget } from "./connection-target.ts";
import { FAILURES_FOLDER } from "./failures.ts";
import { forwardedTarget } from "./forwarded-target.ts";
import { FuzzRun, type FuzzProgress } from "./fuzz.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { proxyHeaderTarget } from "./proxy-header-target.ts";
import { receiverTarget } from "./receiver-target.ts";
import { responseTarget } from "./response-target.ts";
import { TransportTarget } from "./transport-target.ts";

const MINUTES_DEFAULT = 60;
const MS_PER_MINUTE = 60_000;
/** Shares of the time. */
const SHARES: Readonly<Record<string, number>> = {
  receiver: 3,
  connection: 3,
  transport: 3,
  response: 1,
  "proxy-header": 0.5,
  forwarded: 0.5,
};

function report(progress: FuzzProgress): void {
  const { target, inputs, seconds, corpus, branches, kinds, failures } = progress;
  console.log(
    `fuzz: ${target}: ${inputs} inputs in ${seconds} s, ${kinds} kinds, ${branches} branches, ` +
      `${corpus} kept, ${failures.length} failures`,
  );
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    seed: { type: "string" },
    target: { type: "string", multiple: true },
  },
});
const minutes = Number(values.minutes ?? process.env["PORTICO_FUZZ_MINUTES"] ?? MINUTES_DEFAULT);
const seed = Number(values.seed ?? process.env["PORTICO_FUZZ_SEED"] ?? Date.now() % 1_000_000_000);
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  throw new Error("--minutes is a number above 0, --seed an integer");
}

const transportTarget = await TransportTarget.open();
const all: readonly FuzzTarget[] = [
  receiverTarget,
  connectionTarget,
  transportTarget,
  responseTarget,
  proxyHeaderTarget,
  forwardedTarget,
];
const targets = all.filter(({ name }) => values.target?.includes(name) ?? true);
const shares = targets.reduce((sum, { name }) => sum + (SHARES[name] ?? 0), 0);

console.log(`fuzz: seed ${seed}, ${minutes} minutes`);
const failures: string[] = [];
for (const target of targets) {
  const share = (SHARES[target.name] ?? 0) / shares;
  const run = new FuzzRun(target, {
    seed,
    inputsMax: Infinity,
    millisecondsMax: minutes * share * MS_PER_MINUTE,
    failuresFolder: FAILURES_FOLDER,
    guided: true,
    onProgress: report,
  });
  const found = await run.run();
  report(found);
  failures.push(...found.failures);
}
await transportTarget.close();
for (const path of failures) console.log(`fuzz: a failing input: ${path}`);
process.exitCode = failures.length > 0 ? 1 : 0;
