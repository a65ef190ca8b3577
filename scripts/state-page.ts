/**
 * The text of `docs/states.md`: a diagram and tables for each state machine of the program, drawn
 * from the machine's own table. What states and events mean is read from the doc comments of their
 * types, so it stands in one place only.
 *
 * Owns the list of machines and the form of the page. Must not know where the text goes.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { GATEWAY_TRANSITIONS } from "../src/server/gateway-state.ts";
import { GENERATION_TRANSITIONS } from "../src/workers/generation-state.ts";
import { WORKER_TRANSITIONS } from "../src/workers/worker-state.ts";

const ROOT = join(import.meta.dirname, "..");

/** For each state and event the next state; null where that event is impossible in that state. */
export type Transitions = Readonly<Record<string, Readonly<Record<string, string | null>>>>;

export interface StateMachine {
  /** A noun; `WorkerState` and `WorkerEvent` are the types of a `Worker`. */
  readonly name: string;
  readonly introduction: string;
  /** Where the types and the table are, from the root of the repository. */
  readonly file: string;
  /** The first state is the one in which it begins. */
  readonly transitions: Transitions;
}

export const STATE_MACHINES: readonly StateMachine[] = [
  {
    name: "Worker",
    introduction:
      "A process that calls the application. The gateway is its grandparent: the zygote forks " +
      "it, reaps it, and reports both; so these are the states as the gateway knows them.",
    file: "src/workers/worker-state.ts",
    transitions: WORKER_TRANSITIONS,
  },
  {
    name: "Generation",
    introduction:
      "One import of the application's code: a zygote and its workers. A reload makes the next " +
      "one, beside the one that serves.",
    file: "src/workers/generation-state.ts",
    transitions: GENERATION_TRANSITIONS,
  },
  {
    name: "Gateway",
    introduction: "The process that was started, and that has the sockets.",
    file: "src/server/gateway-state.ts",
    transitions: GATEWAY_TRANSITIONS,
  },
];

/** The text of the page. */
export function statePage(): string {
  const intro = [
    "# States",
    "",
    "<!-- Generated from the tables that it names by `npm run generate`. Do not edit. -->",
    "",
    "What has a life of its own has a state, and one table that says which event leads from which",
    "state to which other. The program follows the table, and this page is drawn from it. An event",
    "that the table calls impossible (-) would be a mistake of the gateway's, and raises an error.",
  ];
  const sections = STATE_MACHINES.map((machine) => formatMachine(machine));
  return `${[...intro, ...sections.flat()].join("\n")}\n`;
}

/**
 * What the members of a union type of strings mean, by member, from the doc comment in front of
 * each.
 *
 * @throws {Error} where the type is not there, or a member has no comment
 */
export function memberComments(source: string, type: string): ReadonlyMap<string, string> {
  // A semicolon within a comment ends nothing.
  const comment = String.raw`\/\*\*(?:(?!\*\/)[\s\S])*\*\/`;
  const union = new RegExp(`^export type ${type} =((?:${comment}|[^;])*);`, "m").exec(source);
  if (union === null) throw new Error(`there is no type ${type}`);
  const members = new Map<string, string>();
  const pattern = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?(?:\|\s*)?"([^"]+)"/g;
  for (const [, text, name = ""] of (union[1] ?? "").matchAll(pattern)) {
    if (text === undefined) throw new Error(`"${name}" of ${type} has no comment`);
    members.set(
      name,
      text
        .replaceAll(/\n\s*\*/g, "\n")
        .replaceAll(/\s+/g, " ")
        .trim(),
    );
  }
  return members;
}

function formatMachine(machine: StateMachine): string[] {
  const source = readFileSync(join(ROOT, machine.file), "utf8");
  const states = memberComments(source, `${machine.name}State`);
  const events = memberComments(source, `${machine.name}Event`);
  return [
    "",
    `## ${machine.name}`,
    "",
    `${machine.introduction} [${machine.file}](../${machine.file})`,
    "",
    ...formatDiagram(machine.transitions),
    "",
    ...formatMeanings("state", Object.keys(machine.transitions), states),
    "",
    ...formatMeanings("event", eventsOf(machine.transitions), events),
    "",
    ...formatTable(machine.transitions),
  ];
}

/** Of Mermaid. Events that change nothing are left to the table. */
function formatDiagram(transitions: Transitions): string[] {
  const [first = ""] = Object.keys(transitions);
  const arrows = Object.entries(transitions).flatMap(([state, row]) => {
    const byNext = Map.groupBy(Object.entries(row), ([, next]) => next);
    return [...byNext].flatMap(([next, entries]) => {
      if (next === null || next === state) return [];
      const labels = entries.map(([event]) => event).join(", ");
      return [`    ${diagramName(state)} --> ${diagramName(next)}: ${labels}`];
    });
  });
  const last = Object.keys(transitions).filter((state) => isFinal(transitions, state));
  return [
    "```mermaid",
    "stateDiagram-v2",
    ...Object.keys(transitions)
      .filter((state) => diagramName(state) !== state)
      .map((state) => `    state "${state}" as ${diagramName(state)}`),
    `    [*] --> ${diagramName(first)}`,
    ...arrows,
    ...last.map((state) => `    ${diagramName(state)} --> [*]`),
    "```",
  ];
}

/** Mermaid takes a hyphen in a name for the begin of an arrow. */
function diagramName(state: string): string {
  return state.replaceAll("-", "_");
}

/** Whether nothing leads out of a state. */
export function isFinal(transitions: Transitions, state: string): boolean {
  return Object.values(transitions[state] ?? {}).every((next) => next === null || next === state);
}

function formatMeanings(
  what: "state" | "event",
  names: readonly string[],
  meanings: ReadonlyMap<string, string>,
): string[] {
  const rows = names.map((name) => {
    const meaning = meanings.get(name);
    if (meaning === undefined) throw new Error(`the ${what} "${name}" has no comment`);
    return `| ${name} | ${meaning} |`;
  });
  return [`| ${what} | |`, "|---|---|", ...rows];
}

function formatTable(transitions: Transitions): string[] {
  const events = eventsOf(transitions);
  const rows = Object.entries(transitions).map(([state, row]) => {
    const cells = events.map((event) => row[event] ?? "-");
    return `| **${state}** | ${cells.join(" | ")} |`;
  });
  return [
    `| in the state | ${events.join(" | ")} |`,
    `|---|${events.map(() => "---").join("|")}|`,
    ...rows,
  ];
}

/** Every event that some state knows, in the order in which they are first named. */
export function eventsOf(transitions: Transitions): string[] {
  return [...new Set(Object.values(transitions).flatMap((row) => Object.keys(row)))];
}
