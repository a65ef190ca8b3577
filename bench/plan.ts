/**
 * What a run is to do, by its arguments.
 *
 * Pure. Must not know what is installed.
 */
import { parseArgs } from "node:util";
import type { Load, Work } from "./work.ts";

export interface Plan {
  readonly works: readonly string[];
  readonly isQuick: boolean;
  readonly rounds: number;
  /** In place of each work's own; null for that. */
  readonly seconds: number | null;
  readonly connections: number | null;
  /** Servers or entrants; empty for all. */
  readonly only: readonly string[];
  readonly force: boolean;
  /** Where the chart goes; null where none was asked for. */
  readonly chart: string | null;
}

const ROUNDS = 5;
const QUICK_ROUNDS = 2;
/** @throws {Error} when an argument is unknown or out of range */
export function readPlan(argv: readonly string[], works: readonly Work[]): Plan {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: "boolean", default: false },
      work: { type: "string", multiple: true, default: [] },
      app: { type: "string", multiple: true, default: [] },
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      seconds: { type: "string" },
      connections: { type: "string" },
      force: { type: "boolean", default: false },
      chart: { type: "string" },
    },
  });
  const main = works.filter(({ isMain }) => isMain);
  const chosen = [
    ...values.work.map((name) => find("--work", name, works)),
    ...values.app.map((name) => find("--app", name, main)),
  ];
  const whole = values.quick ? main : works;
  const planned = chosen.length === 0 ? whole : works.filter((work) => chosen.includes(work));
  return {
    works: planned.map(({ name }) => name),
    isQuick: values.quick,
    rounds: positive("--rounds", values.rounds) ?? (values.quick ? QUICK_ROUNDS : ROUNDS),
    seconds: positive("--seconds", values.seconds),
    connections: positive("--connections", values.connections),
    only: checkOnly(values.only, planned),
    force: values.force,
    chart: values.chart ?? null,
  };
}

/** The work's load as this run has it. */
export function plannedLoad({ load }: Work, { seconds, connections }: Plan): Load {
  switch (load.kind) {
    case "wrk":
      return {
        ...load,
        seconds: seconds ?? load.seconds,
        connections: connections ?? load.connections,
      };
    case "arrivals":
      return { ...load, seconds: seconds ?? load.seconds };
    case "start":
      return load;
    default:
      return load satisfies never;
  }
}

/** The work with those entrants alone that `--only` names. */
export function plannedEntrants({ entrants }: Work, { only }: Plan): Work["entrants"] {
  if (only.length === 0) return entrants;
  return entrants.filter(({ name, server }) => only.includes(name) || only.includes(server));
}

function find(flag: string, wanted: string, works: readonly Work[]): Work {
  const work = works.find(({ name }) => name === wanted);
  if (work !== undefined) return work;
  throw new Error(`${flag} ${wanted}: one of ${works.map(({ name }) => name).join(", ")}`);
}

function checkOnly(only: readonly string[], works: readonly Work[]): readonly string[] {
  const names = works.flatMap(({ entrants }) =>
    entrants.flatMap(({ name, server }) => [server, name]),
  );
  const unknown = only.find((name) => !names.includes(name));
  if (unknown === undefined) return only;
  throw new Error(`--only ${unknown}: one of ${[...new Set(names)].join("; ")}`);
}

function positive(flag: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`${flag} ${text}: a whole number, 1 or more`);
  }
  return value;
}
