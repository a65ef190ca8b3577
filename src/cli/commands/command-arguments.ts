/**
 * The command line of a command for a running portico: whether it is one, and what it says. Carries
 * nothing out.
 */
import type { OperatorError } from "../../base/errors.ts";
import { missingValue, quote, suggestion, usageError } from "../../options/given-values.ts";
import { valueAlone } from "../../options/option-spec.ts";
import { parseValue } from "../../options/values.ts";
import type { WorkerRange } from "../../workers/worker-scaling.ts";
import { WORKERS_MAX } from "../worker-settings.ts";
import {
  COMMAND_OPTION_KEYS,
  type CommandName,
  commandNamed,
  commandOption,
  type CommandOptionKey,
  type CommandRecord,
} from "./command-records.ts";

export interface CommandArguments {
  readonly name: CommandName;
  readonly controlSocket: string | null;
  readonly pid: number | null;
  readonly pidFile: string | null;
  /** null: as long as the command may take. */
  readonly waitMs: number | null;
  readonly json: boolean;
  readonly watch: boolean;
  readonly help: boolean;
  /** For `scale` alone. */
  readonly range: WorkerRange | null;
  /** For `top` alone; null where nothing is said. */
  readonly intervalMs: number | null;
  readonly once: boolean;
  /** For `stack` alone; null for all workers. */
  readonly workerPid: number | null;
}

const PID = /^[1-9]\d{0,8}$/;
const RANGE = /^(\d{1,6})(?:\.\.(\d{1,6}))?$/;

/**
 * The command that a command line is; null where it serves an application. The command's name comes
 * first, or behind options that commands have.
 */
export function commandOf(argv: readonly string[]): CommandRecord | null {
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (!argument.startsWith("-")) return commandNamed(argument);
    const key = keyOf(argument);
    if (key === null) return null;
    if (takesNext(key, argument)) index++;
  }
  return null;
}

/**
 * @param argv a command line for which {@link commandOf} says which command it is
 * @throws {OperatorError} exit status 2: an option that the command does not have, a value that is
 *   missing or refused, or too much or too little beside them
 */
export function parseCommandArguments(
  record: CommandRecord,
  argv: readonly string[],
): CommandArguments {
  const values = new Map<CommandOptionKey, unknown>();
  const words: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (!argument.startsWith("-")) {
      words.push(argument);
      continue;
    }
    const key = keyOf(argument);
    if (key === null || !record.options.includes(key)) throw unknownOption(record, argument);
    const next = takesNext(key, argument) ? argv[++index] : undefined;
    values.set(key, valueOf(key, argument, next));
  }
  const help = values.get("help") === true;
  const given = [...values.keys()].filter((key) => WHICH.includes(key));
  if (given.length > 1 && !help) {
    const flags = given.map((key) => commandOption(key).flag).join(" and ");
    throw usageError(`${flags} each say which portico is meant; one is enough`);
  }
  return {
    name: record.name,
    controlSocket: asText(values.get("controlSocket")),
    pid: asNumber(values.get("pid")),
    pidFile: asText(values.get("pidFile")),
    waitMs: asNumber(values.get("waitMs")),
    json: values.get("json") === true,
    watch: values.get("watch") === true,
    help,
    intervalMs: asNumber(values.get("intervalMs")),
    once: values.get("once") === true,
    ...(help ? { range: null, workerPid: null } : readWords(record, words.slice(1))),
  };
}

const WHICH: readonly CommandOptionKey[] = ["controlSocket", "pid", "pidFile"];

/** The option that an argument names; null where commands have none of that name. */
function keyOf(argument: string): CommandOptionKey | null {
  const name = argument.split("=", 1)[0];
  const found = COMMAND_OPTION_KEYS.find((key) => {
    const { flag, short } = commandOption(key);
    return name === flag || name === short;
  });
  return found ?? null;
}

function takesNext(key: CommandOptionKey, argument: string): boolean {
  return !argument.includes("=") && valueAlone(commandOption(key)) === null;
}

function valueOf(key: CommandOptionKey, argument: string, next: string | undefined): unknown {
  const spec = commandOption(key);
  const equals = argument.indexOf("=");
  const text = equals < 0 ? (valueAlone(spec) ?? next) : argument.slice(equals + 1);
  if (text === undefined || (equals < 0 && text.startsWith("--"))) throw missingValue(spec);
  const parsed = parseValue(spec, text);
  if (parsed.kind === "value") return parsed.value;
  throw usageError(`${spec.flag}: expected ${parsed.expected}; got ${quote(text)}`);
}

/** What stands behind the command's name. */
function readWords(
  { name, argument }: CommandRecord,
  words: readonly string[],
): Pick<CommandArguments, "range" | "workerPid"> {
  const [word] = words;
  if (words.length > (argument === null ? 0 : 1)) {
    throw usageError(
      `${name}: ${quote(words.at(-1) ?? "")} is too much; see portico ${name} --help`,
    );
  }
  return {
    range: name === "scale" ? rangeOf(name, argument, word) : null,
    workerPid: name === "stack" && word !== undefined ? pidOf(name, word) : null,
  };
}

function pidOf(name: string, word: string): number {
  if (PID.test(word)) return Number(word);
  throw usageError(`${name}: expected the PID of a worker; got ${quote(word)}`);
}

function rangeOf(name: string, argument: string | null, word: string | undefined): WorkerRange {
  if (word === undefined) throw usageError(`${name} needs ${argument}, such as 4 or 2..8`);
  const match = RANGE.exec(word);
  const min = Number(match?.[1]);
  const max = Number(match?.[2] ?? match?.[1]);
  if (match === null || min < 1 || min > max || max > WORKERS_MAX) {
    throw usageError(
      `${name}: expected a number from 1 to ${WORKERS_MAX}, or MIN..MAX; got ${quote(word)}`,
    );
  }
  return { min, max };
}

function unknownOption({ name, options }: CommandRecord, argument: string): OperatorError {
  const typed = argument.split("=", 1)[0] ?? "";
  const hint = suggestion(
    typed,
    options.map((key) => commandOption(key).flag),
  );
  return usageError(
    `${name} has no option ${quote(typed)}${hint}; portico ${name} --help lists all`,
  );
}

function asText(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function asNumber(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
