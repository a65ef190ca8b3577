/**
 * Compares Portico with other WSGI servers on this machine, in interleaved rounds: A B C A B C.
 *
 *     npm run bench -- [--quick] [--work NAME]... [--only SERVER]... [--rounds N] [--seconds N]
 *                      [--connections N] [--chart FILE] [--force]
 *
 * Prints a table for each work, the goals, the machine, and the settings, and writes everything to
 * `bench/results/` as JSON. Figures of different runs, or machines, are not comparable; those of
 * one run are.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { canBeCharted, chart } from "./chart.ts";
import { describeSettings, type Entrant } from "./entrants.ts";
import { type Environment, prepareEnvironment } from "./environment.ts";
import { judge } from "./goals.ts";
import { LineUp } from "./line-up.ts";
import { describeMachine, loadPerCpu } from "./machine.ts";
import { measure, type Measurement } from "./measure.ts";
import { type Plan, plannedEntrants, plannedLoad, readPlan } from "./plan.ts";
import { describeRun, describeWork, type Results, type WorkResult } from "./report.ts";
import { stopServersAtExit } from "./running-server.ts";
import { PROJECT_FOLDER, SERVERS } from "./servers.ts";
import { summarize } from "./summary.ts";
import type { Work } from "./work.ts";
import { WORKS } from "./works.ts";

/**
 * Other work falsifies the figures; this much load of one minute for each CPU is taken for a
 * quiet machine.
 */
const LOAD_PER_CPU_MAX = 0.25;
const RESULTS_FOLDER = path.join(PROJECT_FOLDER, "bench", "results");
const CHART_FILE = path.join(PROJECT_FOLDER, "docs", "performance.svg");

/** All rounds of a work. An entrant that fails is left out of the rounds that follow. */
async function runWork(
  work: Work,
  entrants: readonly Entrant[],
  plan: Plan,
): Promise<Pick<WorkResult, "measurements" | "failures">> {
  const load = plannedLoad(work, plan);
  await using lineUp = new LineUp(work.module, load);
  const measurements: Measurement[] = [];
  const failures = new Map<Entrant, string>();
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const entrant of entrants) {
      if (failures.has(entrant)) continue;
      process.stderr.write(`${work.name}, round ${round} of ${plan.rounds}: ${entrant.name} ...\n`);
      try {
        const server = await lineUp.serverOf(entrant);
        measurements.push(await measure(server, load, entrant, round));
      } catch (error) {
        failures.set(entrant, `${entrant.name} failed in round ${round}: ${messageOf(error)}`);
      }
      if (work.isStartedAnew || failures.has(entrant)) await lineUp.stop(entrant);
    }
  }
  return { measurements, failures: [...failures.values()] };
}

async function resultOf(work: Work, entrants: readonly Entrant[], plan: Plan): Promise<WorkResult> {
  const { measurements, failures } = await runWork(work, entrants, plan);
  const summaries = summarize(measurements);
  const { name, about, module, metrics } = work;
  const settings = entrants.map((entrant) => [entrant.name, describeSettings(entrant)]);
  return {
    name,
    about,
    module,
    metrics,
    load: plannedLoad(work, plan),
    settings: Object.fromEntries(settings) as WorkResult["settings"],
    summaries,
    verdicts: judge(work.goals, summaries),
    measurements,
    failures,
  };
}

function ownVersion(): string {
  const text = readFileSync(path.join(PROJECT_FOLDER, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** @returns the file's path, the same for all results of a run */
function writeResults(results: Results): string {
  mkdirSync(RESULTS_FOLDER, { recursive: true });
  const { works, isQuick } = results.plan;
  const [first = ""] = works;
  const whole = isQuick ? "quick" : `${works.length}-works`;
  const time = results.time.replaceAll(":", "");
  const name = `${time}-${works.length === 1 ? first : whole}-${results.machine.commit}.json`;
  const file = path.join(RESULTS_FOLDER, name);
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  return file;
}

/** Where it is asked for, or where all of it was measured in full. */
function writeChart(results: Results): string | null {
  const { chart: wanted, isQuick, only } = results.plan;
  const isWhole = canBeCharted(results.works) && !isQuick && only.length === 0;
  const file = wanted ?? (isWhole ? CHART_FILE : null);
  if (file !== null) writeFileSync(file, chart(results));
  return file;
}

function requireQuietMachine(plan: Plan): void {
  const load = loadPerCpu();
  if (load <= LOAD_PER_CPU_MAX || plan.force) return;
  throw new Error(
    `the machine is busy (a load of ${load.toFixed(2)} for each CPU, ` +
      `at most ${LOAD_PER_CPU_MAX} is quiet): wait, or measure all the same with --force`,
  );
}

function start(plan: Plan, environment: Environment): Results {
  const distributions = Object.values(SERVERS).map(({ distribution }) => distribution);
  const shown = ["flask", "django", "pyramid", ...distributions];
  const installed = Object.entries(environment.versions).filter(([name]) => shown.includes(name));
  return {
    time: new Date().toISOString(),
    plan,
    machine: describeMachine(),
    versions: { portico: ownVersion(), ...Object.fromEntries(installed) },
    works: [],
  };
}

async function main(): Promise<void> {
  const plan = readPlan(process.argv.slice(2), WORKS);
  requireQuietMachine(plan);
  stopServersAtExit();
  const environment = prepareEnvironment();
  let results = start(plan, environment);
  for (const work of WORKS) {
    if (!plan.works.includes(work.name)) continue;
    const entrants = plannedEntrants(work, plan).filter(
      ({ server }) => !environment.leftOut.has(server),
    );
    if (entrants.length === 0) continue;
    const result = await resultOf(work, entrants, plan);
    results = { ...results, works: [...results.works, result] };
    process.stdout.write(`${describeWork(result, plan.rounds)}\n`);
    // After each work, so that an interrupted run leaves what it found.
    writeResults(results);
  }
  if (results.works.length === 0) throw new Error("nobody is left to be measured");
  process.stdout.write(describeRun(results));
  for (const why of environment.leftOut.values()) process.stdout.write(`${why}\n`);
  for (const file of [writeResults(results), writeChart(results)]) {
    if (file !== null) process.stdout.write(`Written: ${path.relative(PROJECT_FOLDER, file)}\n`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
