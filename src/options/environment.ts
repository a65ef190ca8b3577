/**
 * Options in the environment: each option's own variable, then the names that hosting platforms
 * set.
 *
 * Must not read the process's environment itself; it is given.
 */
import { nearestName } from "../base/nearest-name.ts";
import { combine, quote, usageError } from "./given-values.ts";
import type { GivenValue, GivenValues } from "./given-values.ts";
import { environmentName } from "./option-spec.ts";
import { OPTION_KEYS, optionSpec } from "./registry.ts";
import type { OptionSpec } from "./option-spec.ts";
import type { OptionKey } from "./registry.ts";
import { parseValue } from "./values.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "PORTICO_";

const KNOWN_VARIABLES: ReadonlySet<string> = new Set(
  OPTION_KEYS.map(optionSpec)
    .filter((spec) => spec.commandLineOnly !== true)
    .map(environmentName),
);
const KNOWN_SUFFIXES = [...KNOWN_VARIABLES].map((name) => name.slice(PREFIX.length));

/**
 * @throws {OperatorError} exit status 2: a mistyped PORTICO_ variable, or a value that the option
 *   refuses
 */
export function readEnvironment(env: Environment): GivenValues {
  refuseMistypedVariables(env);
  const values = new Map<OptionKey, GivenValue>();
  for (const key of OPTION_KEYS) {
    const spec = optionSpec(key);
    if (spec.commandLineOnly === true) continue;
    const given = readVariable(spec, env);
    if (given !== null) values.set(key, given);
  }
  return values;
}

/** The option's own variable before its aliases; null where all are unset or empty. */
function readVariable(spec: OptionSpec, env: Environment): GivenValue | null {
  const own = { name: environmentName(spec), prefix: "" };
  for (const { name, prefix } of [own, ...(spec.environmentAliases ?? [])]) {
    const text = env[name] ?? "";
    if (text === "") continue;
    const elements = splitAtSeparator(spec, text).map((piece) => ({
      text: piece,
      parsed: parseValue(spec, prefix + piece),
    }));
    return { value: combine(spec, name, elements), source: { kind: "environment", name } };
  }
  return null;
}

function splitAtSeparator(spec: OptionSpec, text: string): string[] {
  if (spec.separator === undefined) return [text];
  return text
    .split(spec.separator)
    .map((piece) => piece.trim())
    .filter((piece) => piece !== "");
}

/**
 * A name that is nearly an option's is a slip, and would be silently without effect. Any other is
 * somebody else's: Kubernetes sets PORTICO_SERVICE_HOST for a service of that name, and
 * applications have variables of their own.
 */
function refuseMistypedVariables(env: Environment): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith(PREFIX) || KNOWN_VARIABLES.has(name)) continue;
    const meant = nearestName(name.slice(PREFIX.length), KNOWN_SUFFIXES);
    if (meant === null) continue;
    const hint = `did you mean ${PREFIX}${meant}?`;
    throw usageError(
      `unknown option ${quote(name)} in the environment (${hint}); --help lists all`,
    );
  }
}
