/**
 * The options as text: `--help` for a terminal, `docs/options.md` for the manual. Both follow from
 * the registry.
 *
 * Must not know where the text goes.
 */
import { configKey, environmentName } from "./option-spec.ts";
import { OPTION_KEYS, optionSpec } from "./registry.ts";
import type { OptionGroup, OptionSpec } from "./option-spec.ts";
import { describeExpected, formatValue } from "./values.ts";

/** Width of the text, and of the column that holds the flags. */
const COLUMNS = 100;
const FLAG_COLUMNS = 34;

const GROUP_TITLES: Readonly<Record<OptionGroup, string>> = {
  Application: "Application",
  Sockets: "Sockets",
  Processes: "Processes and queue",
  Proxies: "Behind another server",
  Policy: "What is let through",
  Time: "Limits on time (30, 30s, 500ms, 5m)",
  Size: "Limits on size (512, 16k, 1MiB)",
  System: "System",
  Logs: "Logs",
  Observation: "Metrics and traces",
  Development: "Development",
  General: "General",
};

const GROUPS = Object.keys(GROUP_TITLES) as OptionGroup[];

const PRECEDENCE =
  "Every option can also be set in the environment (--queue-max is PORTICO_QUEUE_MAX) or in the " +
  'file that --config names ("queue-max": 100). Flags override the environment, which overrides ' +
  "the file.";

/** The text of `--help`: at most 100 columns, one line end at its end. */
export function helpText(version: string): string {
  const lines = [
    `Portico ${version}`,
    "",
    "Usage: portico [options] MODULE:APPLICATION",
    "       portico reload|stop|status|scale|top|stack [--help]   for one that runs",
    "       portico load URL [--help]                             puts load on a server",
    "",
    "Serves a Python WSGI application. MODULE:APPLICATION is, for instance,",
    "mysite.wsgi:application, app, app:create_app() or path/to/file.py:app.",
  ];
  for (const group of GROUPS) {
    lines.push("", `${GROUP_TITLES[group]}:`);
    for (const spec of specsOf(group)) lines.push(...formatEntry(spec));
  }
  lines.push("", ...wrap(PRECEDENCE, COLUMNS), "");
  return lines.join("\n");
}

/** The text of `docs/options.md`. */
export function manualText(): string {
  const lines = [
    "# Options",
    "",
    "<!-- Generated from `src/options/records/` by `npm run generate`. Do not edit. -->",
    "",
    "    portico [options] MODULE:APPLICATION",
    "",
    ...wrap(PRECEDENCE.replaceAll("--config", "`--config`"), COLUMNS),
    "An option or key that is not known, or a value out of range, ends the program with status 2.",
  ];
  for (const group of GROUPS) {
    lines.push("", `## ${GROUP_TITLES[group]}`);
    for (const spec of specsOf(group)) lines.push("", ...formatManualEntry(spec));
  }
  return `${lines.join("\n")}\n`;
}

function specsOf(group: OptionGroup): OptionSpec[] {
  return OPTION_KEYS.map(optionSpec).filter((spec) => spec.group === group);
}

/** `-w, --workers COUNT`. */
function formatFlags(spec: OptionSpec): string {
  const names = spec.short === undefined ? spec.flag : `${spec.short}, ${spec.flag}`;
  if (spec.kind === "boolean") return names;
  return spec.alone === undefined
    ? `${names} ${placeholderOf(spec)}`
    : `${names}[=${placeholderOf(spec)}]`;
}

function placeholderOf(spec: OptionSpec): string {
  if (spec.kind === "choice") return (spec.words ?? []).join("|");
  return spec.placeholder ?? (spec.kind === "duration" ? "TIME" : "SIZE");
}

function formatEntry(spec: OptionSpec): string[] {
  const indent = spec.short === undefined ? "      " : "  ";
  const flags = `${indent}${formatFlags(spec)}`;
  const shown = formatValue(spec, spec.fallback);
  const hasDefault = spec.kind !== "boolean" && shown !== "none" && shown !== "empty";
  const text = hasDefault ? `${spec.summary} [${shown}]` : spec.summary;
  const [first = "", ...rest] = wrap(text, COLUMNS - FLAG_COLUMNS);
  const blank = " ".repeat(FLAG_COLUMNS);
  const opening =
    flags.length + 2 > FLAG_COLUMNS ? [flags, blank + first] : [flags.padEnd(FLAG_COLUMNS) + first];
  return [...opening, ...rest.map((line) => blank + line)];
}

function formatManualEntry(spec: OptionSpec): string[] {
  const lines = [`### \`${spec.flag}\``, "", ...wrap(`${capitalise(spec.summary)}.`, COLUMNS), ""];
  lines.push(...wrap(spec.help, COLUMNS), "", `- Given as \`${formatFlags(spec)}\``);
  if (spec.commandLineOnly !== true) {
    const variables = [environmentName(spec), ...aliasesOf(spec)].map((name) => `\`${name}\``);
    lines.push(`- Environment: ${variables.join(", then ")}`);
    if (spec.flag !== "--config") lines.push(`- Key in the file: \`${configKey(spec)}\``);
  }
  if (spec.kind !== "boolean")
    lines.push(...wrap(`- Takes ${describeExpected(spec)}`, COLUMNS, "  "));
  lines.push(`- Default: ${describeDefault(spec)}`);
  lines.push(`- Since ${spec.since}`);
  return lines;
}

function aliasesOf(spec: OptionSpec): string[] {
  return (spec.environmentAliases ?? []).map(({ name }) => name);
}

function describeDefault(spec: OptionSpec): string {
  const text = formatValue(spec, spec.fallback);
  return text === "none" || text === "empty" ? text : `\`${text}\``;
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * Breaks text at spaces; later lines begin with `indent`. A word longer than a line gets a line of
 * its own.
 */
function wrap(text: string, columns: number, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = indent + word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}
