/**
 * What a run found, as text for people.
 *
 * Pure. Must not know how a figure was taken.
 */
import type { Verdict } from "./goals.ts";
import type { Machine } from "./machine.ts";
import type { Measurement } from "./measure.ts";
import type { Plan } from "./plan.ts";
import { type Summary, table } from "./summary.ts";
import type { Load, Work } from "./work.ts";

/** What is known of one work after a run. */
export interface WorkResult extends Pick<Work, "name" | "about" | "module" | "metrics"> {
  readonly load: Load;
  /** By entrant: how its server was started, and why. */
  readonly settings: Readonly<Record<string, string>>;
  readonly summaries: readonly Summary[];
  readonly verdicts: readonly Verdict[];
  readonly measurements: readonly Measurement[];
  /** A sentence for each entrant that could not be measured. */
  readonly failures: readonly string[];
}

export interface Results {
  readonly time: string;
  readonly plan: Plan;
  readonly machine: Machine;
  /** By distribution; Portico's own is "portico". */
  readonly versions: Readonly<Record<string, string>>;
  readonly works: readonly WorkResult[];
}

/** The section of one work: its table, what failed, and its goals. */
export function describeWork(result: WorkResult, rounds: number): string {
  const { name, about, load, metrics, summaries, verdicts, failures } = result;
  const judged = new Set(verdicts.map(({ metric }) => metric));
  const errors = summaries.flatMap(({ entrant, errors: lines }) =>
    [...new Set(lines)].map((line) => `  ${entrant}: ${line}`),
  );
  const lines = [
    `== ${name}: ${about}`,
    `${describeLoad(load)}, ${plural(rounds, "round")} in turn; medians, and best rounds where ` +
      "it says so.",
    "",
    table(summaries, metrics, judged),
    "",
    ...errors,
    ...failures,
    ...verdicts.map(({ sentence }) => sentence),
  ];
  return `${lines.join("\n")}\n`;
}

/** The end of a run: the goals that were not met, the settings, the machine and the versions. */
export function describeRun({ works, machine, versions }: Results): string {
  const verdicts = works.flatMap((work) =>
    work.verdicts.map((verdict) => ({ ...verdict, work: work.name })),
  );
  const count = (wanted: string): number =>
    verdicts.filter(({ outcome }) => outcome === wanted).length;
  const settings = new Set(works.flatMap((work) => Object.values(work.settings)));
  const lines = [
    `== ${count("met")} goals met, ${count("missed")} missed, ${count("open")} open`,
    "A goal is judged by the best round of each server: what else a machine does only adds.",
    "CPU is user and system time over all processes of a server.",
    ...verdicts
      .filter(({ outcome }) => outcome !== "met")
      .map(({ work, sentence }) => `  ${work}: ${sentence}`),
    "",
    "Each server as it was started, and why so:",
    ...[...settings].toSorted().map((text) => `  ${text}`),
    "",
    ...Object.entries(machine).map(([name, value]) => `  ${name}: ${value}`),
    `  ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}`,
  ];
  return `${lines.join("\n")}\n`;
}

function describeLoad(load: Load): string {
  switch (load.kind) {
    case "wrk":
      return (
        `wrk with one thread and ${plural(load.connections, "connection")} ` +
        `for ${load.seconds} s`
      );
    case "arrivals":
      return `${load.requestsPerSecond} requests a second for ${load.seconds} s`;
    case "start":
      return "asked every 5 ms";
    default:
      return load satisfies never;
  }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
