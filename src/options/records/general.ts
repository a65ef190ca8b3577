/** Options: the program itself. The shape of a record is in `option-spec.ts`. */
import type { OptionSpec } from "../option-spec.ts";

export const GENERAL_OPTIONS = {
  config: {
    kind: "text",
    group: "General",
    flag: "--config",
    placeholder: "FILE",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "a JSON file",
    summary: "JSON file of options; keys are flags without hyphens in front",
    help:
      'One object, for instance `{"workers": 4, "timeout": "90s", "bind": ["127.0.0.1:8000"]}`. ' +
      "Values are written as on the command line, or as JSON numbers, booleans and lists. Flags " +
      "and the environment override it.",
    since: "0.1.0",
  },
  quiet: {
    kind: "boolean",
    group: "General",
    flag: "--quiet",
    short: "-q",
    fallback: false,
    summary: "print warnings and errors only",
    help: "Silences the lines printed at start and stop.",
    since: "0.1.0",
  },
  help: {
    kind: "boolean",
    group: "General",
    flag: "--help",
    short: "-h",
    fallback: false,
    commandLineOnly: true,
    summary: "print this text and exit",
    help: "Prints every option with its default, then exits with status 0.",
    since: "0.1.0",
  },
  version: {
    kind: "boolean",
    group: "General",
    flag: "--version",
    short: "-V",
    fallback: false,
    commandLineOnly: true,
    summary: "print the version and exit",
    help: "Prints Portico's version, then exits with status 0.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
