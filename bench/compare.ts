/**
 * Compares Portico with other WSGI servers on this machine, in interleaved rounds: A B C A B C.
 *
 *     npm run bench -- [--quick] [--app hello|flask|django|pyramid] [--only NAME]... [--rounds N]
 *                      [--seconds N] [--connections N] [--force]
 *
 * Prints a table, the machine, and the settings, and writes everything to `bench/results/` as
 * JSON. Figures of different runs, or machines, are not comparable; those of one run are.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { type Environment, prepareEnvironment } from "./environment.ts";
import { measure, type Measurement } from "./measure.ts";
import { type ApplicationName, APPLICATIONS, type BenchServer, PROJECT_FOLDER } from "./servers.ts";
import { goalLines, summarize, type Summary, table } from "./summary.ts";

/**
 * Other work falsifies the figures; this much load of one minute for each CPU is taken for a
 * quiet machine.
 */
const LOAD_PER_CPU_MAX = 0.25;
const RESULTS_FOLDER = path.join(PROJECT_FOLDER, "bench", "results");

interface Plan {
  readonly application: ApplicationName;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly force: boolean;
  readonly only: readonly string[];
}

/** @throws {Error} when an argument is unknown or out of range */
function readPlan(argv: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: "boolean", default: false },
      app: { type: "string", default: "hello" },
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      seconds: { type: "string" },
      connections: { type: "string", default: "64" },
      force: { type: "boolean", default: false },
    },
  });
  if (!isApplication(values.app)) {
    throw new Error(`--app ${values.app}: one of ${Object.keys(APPLICATIONS).join(", ")}`);
  }
  return {
    application: values.app,
    rounds: positive("--rounds", values.rounds ?? (values.quick ? "2" : "5")),
    seconds: positive("--seconds", values.seconds ?? (values.quick ? "2" : "5")),
    connections: positive("--connections", values.connections),
    force: values.force,
    only: values.only,
  };
}

function isApplication(name: string): name is ApplicationName {
  return Object.hasOwn(APPLICATIONS, name);
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${flag} ${text}: a whole number, 1 or more`);
  return value;
}

/** What the figures depend on, besides the servers. */
function describeMachine(): Record<string, string> {
  const cpus = os.cpus();
  return {
    cpu: `${cpus.length} x ${cpus[0]?.model ?? "unknown"}`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    kernel: `${os.type()} ${os.release()} ${os.machine()}`,
    load: os
      .loadavg()
      .map((load) => load.toFixed(2))
      .join(" "),
    node: process.version,
    commit: commit(),
  };
}

/** The commit that was measured, marked where files differ from it. */
function commit(): string {
  try {
    const args = ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"];
    return execFileSync("git", args, { cwd: PROJECT_FOLDER, encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}

async function runRounds(plan: Plan, servers: readonly BenchServer[]): Promise<Measurement[]> {
  const load = { ...plan, module: APPLICATIONS[plan.application] };
  const measurements: Measurement[] = [];
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const server of servers) {
      process.stderr.write(`round ${round} of ${plan.rounds}: ${server.name} ...\n`);
      measurements.push(await measure(server, load));
    }
  }
  return measurements;
}

/** @throws {Error} when a name is none of a server that can be measured here */
function choose({ servers, leftOut }: Environment, only: readonly string[]): BenchServer[] {
  for (const wanted of only) {
    if (servers.some(({ name }) => name === wanted)) continue;
    const names = servers.map(({ name }) => name).join(", ");
    throw new Error([`--only ${wanted}: one of ${names}`, ...leftOut].join("\n"));
  }
  return servers.filter(({ name }) => only.length === 0 || only.includes(name));
}

interface Results {
  readonly time: string;
  readonly plan: Plan;
  readonly machine: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly summaries: readonly Summary[];
  readonly measurements: readonly Measurement[];
}

function describeResults(results: Results, environment: Environment): string {
  const { plan, machine, summaries } = results;
  const measured = environment.servers.filter(({ name }) =>
    summaries.some(({ server }) => server === name),
  );
  const lines = [
    table(summaries),
    "",
    `${plan.application}: wrk with one thread and ${plan.connections} connections, ` +
      `${plan.rounds} rounds of ${plan.seconds} s.`,
    "CPU is user and system time of a request, over all processes of a server.",
    "The ratios, rates and latencies of the table are medians over the rounds.",
    ...(plan.application === "hello" ? goalLines(summaries) : []),
    ...environment.leftOut,
    ...Object.entries(machine).map(([name, value]) => `  ${name}: ${value}`),
    ...measured.map(({ name, distribution, settings }) => {
      const version = distribution === null ? ownVersion() : results.versions[distribution];
      return `  ${name} ${version ?? ""}: ${settings}`;
    }),
  ];
  return `${lines.join("\n")}\n`;
}

function ownVersion(): string {
  const text = readFileSync(path.join(PROJECT_FOLDER, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** @returns the file's path, relative to the checkout */
function writeResults(results: Results): string {
  mkdirSync(RESULTS_FOLDER, { recursive: true });
  const time = results.time.replaceAll(":", "");
  const name = `${time}-${results.plan.application}-${results.machine["commit"]}.json`;
  const file = path.join(RESULTS_FOLDER, name);
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  return path.relative(PROJECT_FOLDER, file);
}

async function main(): Promise<void> {
  const plan = readPlan(process.argv.slice(2));
  const loadPerCpu = (os.loadavg()[0] ?? 0) / os.availableParallelism();
  if (loadPerCpu > LOAD_PER_CPU_MAX && !plan.force) {
    throw new Error(
      `the machine is busy (a load of ${loadPerCpu.toFixed(2)} for each CPU, ` +
        `at most ${LOAD_PER_CPU_MAX} is quiet): wait, or measure all the same with --force`,
    );
  }
  const environment = prepareEnvironment();
  const servers = choose(environment, plan.only);
  const time = new Date().toISOString();
  const machine = describeMachine();
  const measurements = await runRounds(plan, servers);
  const { versions } = environment;
  const results = {
    time,
    plan,
    machine,
    versions,
    summaries: summarize(measurements),
    measurements,
  };
  process.stdout.write(describeResults(results, environment));
  process.stdout.write(`Written to ${writeResults(results)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
