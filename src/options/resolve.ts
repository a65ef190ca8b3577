/**
 * Resolves options: flags over environment over configuration file over default.
 *
 * Owns the order of precedence and every complaint about how options were given. Must not do IO:
 * the command line, the environment and a way to read a file are arguments.
 */
import { parseCommandLine } from "./command-line.ts";
import { parseConfigFile } from "./config-file.ts";
import { readEnvironment } from "./environment.ts";
import { quote, usageError } from "./given-values.ts";
import type { GivenValues, OptionSource } from "./given-values.ts";
import { OPTION_KEYS, optionSpec } from "./registry.ts";
import type { OptionKey, Options } from "./registry.ts";

/** What {@link resolveOptions} works on; the process's own, or a test's. */
export interface OptionInput {
  /** The arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * The text of a file, as UTF-8; throws where it cannot be read. Asked at most once, for
   * `--config`.
   */
  readonly readFile: (path: string) => string;
}

export interface ResolvedOptions {
  readonly options: Options;
  readonly sources: Readonly<Record<OptionKey, OptionSource>>;
  /** The application's reference, such as `module:app`; null where none was given. */
  readonly reference: string | null;
}

/**
 * Resolves every option, and checks it.
 *
 * An empty environment variable counts as one that is not set, since that is what `VARIABLE=` in a
 * unit or compose file is meant to be.
 *
 * @throws {OperatorError} exit status 2, one line: an unknown name (with the nearest one), a
 *   missing value, a value out of range (with the range), an option given twice, a configuration
 *   file that cannot be read or is not what it should be
 */
export function resolveOptions(input: OptionInput): ResolvedOptions {
  const commandLine = parseCommandLine(input.argv);
  // Somebody who asks for help gets it, whatever is wrong elsewhere.
  const asksForText = commandLine.values.has("help") || commandLine.values.has("version");
  const environment: GivenValues = asksForText ? new Map() : readEnvironment(input.env);
  const configPath = (commandLine.values.get("config") ?? environment.get("config"))?.value;
  const file: GivenValues =
    typeof configPath === "string" ? readConfig(configPath, input.readFile) : new Map();

  const options: Partial<Record<OptionKey, unknown>> = {};
  const sources: Partial<Record<OptionKey, OptionSource>> = {};
  for (const key of OPTION_KEYS) {
    const given = commandLine.values.get(key) ?? environment.get(key) ?? file.get(key);
    options[key] = freeze(given === undefined ? optionSpec(key).fallback : given.value);
    sources[key] = given?.source ?? { kind: "default", name: "" };
  }
  // The registry gives the type of each value, and its own record made the value; no cast is needed
  // anywhere else.
  const resolved = options as Options;
  refuseConflicts(resolved, sources as Record<OptionKey, OptionSource>);
  return {
    options: Object.freeze(resolved),
    sources: Object.freeze(sources) as Readonly<Record<OptionKey, OptionSource>>,
    reference: commandLine.reference,
  };
}

/** Every option at its default. */
export function defaultOptions(): Options {
  return resolveOptions({ argv: [], env: {}, readFile: () => "{}" }).options;
}

function readConfig(path: string, readFile: OptionInput["readFile"]): GivenValues {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw usageError(`cannot read the configuration file ${quote(path)}: ${quote(cause)}`);
  }
  return parseConfigFile(path, text);
}

/**
 * Values that are allowed one by one, but that cannot both be meant. Defaults give way without a
 * word.
 */
function refuseConflicts(
  options: Options,
  sources: Readonly<Record<OptionKey, OptionSource>>,
): void {
  const bothGiven =
    sources.requestLineLimitBytes.kind !== "default" && sources.headLimitBytes.kind !== "default";
  if (bothGiven && options.requestLineLimitBytes > options.headLimitBytes) {
    throw usageError(
      `--limit-request-line (${options.requestLineLimitBytes}) is above --limit-request-head ` +
        `(${options.headLimitBytes}), which counts the request line too`,
    );
  }
}

function freeze(value: unknown): unknown {
  return typeof value === "object" && value !== null ? Object.freeze(value) : value;
}
