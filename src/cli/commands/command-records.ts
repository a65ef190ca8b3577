/**
 * The commands for a running portico, one record each: their names, arguments, options and exit
 * statuses. `portico COMMAND --help` and `docs/commands.md` follow from the records. Must not know
 * how a command is carried out.
 */
import type { OptionSpec } from "../../options/option-spec.ts";
import { INTERVAL_MAX_MS, INTERVAL_MIN_MS } from "../../server/control/observe-command.ts";

export type CommandName = "reload" | "stop" | "status" | "scale" | "top" | "stack";

export interface CommandRecord {
  readonly name: CommandName;
  /** The argument behind the name, as the help shows it; null where there is none. */
  readonly argument: string | null;
  readonly options: readonly CommandOptionKey[];
  /** One line. */
  readonly summary: string;
  readonly help: string;
  /** What the exit statuses mean that are not the same for all commands. */
  readonly done: string;
  readonly failed: string;
  /** null where a command that gets no answer has done nothing. */
  readonly unknown: string | null;
}

const COMMON = { group: "General", since: "0.1.0", commandLineOnly: true } as const;
const SECOND = 1_000;
const DAY = 86_400 * SECOND;

export const COMMAND_OPTIONS = {
  controlSocket: {
    ...COMMON,
    kind: "text",
    flag: "--control-socket",
    placeholder: "PATH",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "the path of a control socket, or a folder with one in it",
    summary: "control socket, or folder in which it lies",
    help: "Also taken from PORTICO_CONTROL_SOCKET.",
  },
  pid: {
    ...COMMON,
    kind: "integer",
    flag: "--pid",
    placeholder: "PID",
    fallback: null,
    min: 1,
    max: 2 ** 31 - 1,
    summary: "the one whose gateway has this PID",
    help: "",
  },
  pidFile: {
    ...COMMON,
    kind: "text",
    flag: "--pid-file",
    placeholder: "FILE",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "a file with a PID in it",
    summary: "the one whose PID is in this file",
    help: "",
  },
  waitMs: {
    ...COMMON,
    kind: "duration",
    flag: "--wait",
    placeholder: "TIME",
    fallback: null,
    min: 0,
    max: DAY,
    summary: "how long to wait at most (30, 30s, 500ms, 5m)",
    help: "",
  },
  json: {
    ...COMMON,
    kind: "boolean",
    flag: "--json",
    fallback: false,
    summary: "print JSON, for programs",
    help: "",
  },
  watch: {
    ...COMMON,
    kind: "boolean",
    flag: "--watch",
    fallback: false,
    summary: "wait until --watch-window has passed too",
    help: "",
  },
  intervalMs: {
    ...COMMON,
    kind: "duration",
    flag: "--interval",
    placeholder: "TIME",
    fallback: null,
    min: INTERVAL_MIN_MS,
    max: INTERVAL_MAX_MS,
    summary: "how often to look; default 1s (500ms, 2s)",
    help: "",
  },
  once: {
    ...COMMON,
    kind: "boolean",
    flag: "--once",
    fallback: false,
    summary: "print what there is to see now, and end",
    help: "",
  },
  help: {
    ...COMMON,
    kind: "boolean",
    flag: "--help",
    short: "-h",
    fallback: false,
    summary: "print this text and exit",
    help: "",
  },
} as const satisfies Record<string, OptionSpec>;

export type CommandOptionKey = keyof typeof COMMAND_OPTIONS;

export const COMMAND_OPTION_KEYS = Object.keys(COMMAND_OPTIONS) as readonly CommandOptionKey[];

const WHICH = ["controlSocket", "pid", "pidFile"] as const;
const HOW = ["waitMs", "json", "help"] as const;

export const COMMANDS: readonly CommandRecord[] = [
  {
    name: "reload",
    argument: null,
    options: [...WHICH, "watch", ...HOW],
    summary: "import the code anew, and serve from it once it is ready",
    help:
      "Waits until the new code serves. Where it does not load, or its workers do not get ready, " +
      "the old code goes on as if nothing had been asked, and the traceback is printed. With " +
      "--watch it also waits until the new code has served without failing where the old did " +
      "not; if it fails, the old code is taken back.",
    done: "the new code serves",
    failed: "it does not; the old code goes on",
    unknown: "nobody can tell: --wait was over, or the connection, before that was known",
  },
  {
    name: "stop",
    argument: null,
    options: [...WHICH, ...HOW],
    summary: "answer everything that was accepted, then end",
    help:
      "Waits until the process is gone: as long as it may take (--drain-delay, " +
      "--graceful-timeout) and a little longer, or for the time that --wait gives. --wait 0 does " +
      "not wait.",
    done: "it has ended, or with --wait 0 it is ending",
    failed: "it was still running when the time was over",
    unknown: null,
  },
  {
    name: "status",
    argument: null,
    options: [...WHICH, ...HOW],
    summary: "say what it does: generations, workers, queue, last reload",
    help: "Sizes are resident memory. Times in the queue are those of the last minute.",
    done: "it answered",
    failed: "it did not answer",
    unknown: null,
  },
  {
    name: "scale",
    argument: "N|MIN..MAX",
    options: [...WHICH, ...HOW],
    summary: "change the number of workers",
    help:
      "A number, or a range in which it grows while requests wait, as --workers has them. Holds " +
      "until the process ends or the next scale. Workers that are too many finish what they " +
      "have. With --gateways it is the number of all together, and never less than gateways.",
    done: "the number holds from now on; workers are being started or ended",
    failed: "it did not answer",
    unknown: null,
  },
  {
    name: "top",
    argument: null,
    options: [...WHICH, "intervalMs", "once", "json", "help"],
    summary: "show processes, sockets, connections and traffic, live",
    help:
      "At a terminal: q ends, the arrows choose a worker, s shows its Python stack. Elsewhere, " +
      "and with --once, it prints what there is to see now, and ends; --json does so as JSON. " +
      "Colours are left out where NO_COLOR is set.",
    done: "it was ended by q, or has printed",
    failed: "it did not answer, or shows itself to as many as it may already",
    unknown: null,
  },
  {
    name: "stack",
    argument: "[PID]",
    options: [...WHICH, "json", "help"],
    summary: "show what a worker's Python is doing now, as a stack of calls",
    help:
      "Of the worker with this PID, or of all workers; of all their threads. They go on " +
      "meanwhile. Also shows C code that does not come back. Linux only.",
    done: "all of them are shown",
    failed: "one of them is not; it is said why",
    unknown: null,
  },
];

/** The record of a command; null where the word is none. */
export function commandNamed(word: string): CommandRecord | null {
  return COMMANDS.find(({ name }) => name === word) ?? null;
}

/** The record of an option, seen as what all have in common. */
export function commandOption(key: CommandOptionKey): OptionSpec {
  return COMMAND_OPTIONS[key];
}
