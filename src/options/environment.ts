/**
 * Options in the environment: each option's own variable, then the names that hosting platforms
 * set.
 *
 * Must not read the process's environment itself; it is given.
 */
import { combine, quote, suggestion, usageError } from "./given-values.ts";
import type { GivenValue, GivenValues } from "./given-values.ts";
import { environmentName } from "./option-spec.ts";
import { OPTION_KEYS, optionSpec } from "./registry.ts";
import type { OptionSpec } from "./option-spec.ts";
import type { OptionKey } from "./registry.ts";
import { parseValue } from "./values.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "PORTICO_";

/**
 * Variables that carry our prefix without being ours. Kubernetes sets `PORTICO_PORT`,
 * `PORTICO_SERVICE_HOST` and more in every container beside a service called "portico", and
 * Docker's links do the like; images record versions and homes; the last one belongs to our tests.
 * To refuse them would keep the gateway from starting for nothing.
 */
const FOREIGN_VARIABLES: readonly RegExp[] = [
  /^PORTICO_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_\w+)?)$/,
  /^PORTICO_(?:VERSION|HOME|PROPERTY_RUNS)$/,
];

const KNOWN_VARIABLES: ReadonlySet<string> = new Set(
  OPTION_KEYS.map(optionSpec)
    .filter((spec) => spec.commandLineOnly !== true)
    .map(environmentName),
);

/**
 * @throws {OperatorError} exit status 2: an unknown PORTICO_ variable, or a value that the option
 *   refuses
 */
export function readEnvironment(env: Environment): GivenValues {
  refuseUnknownVariables(env);
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

function refuseUnknownVariables(env: Environment): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith(PREFIX) || KNOWN_VARIABLES.has(name) || isForeign(name)) continue;
    const hint = suggestion(name, KNOWN_VARIABLES);
    throw usageError(`unknown option ${quote(name)} in the environment${hint}; --help lists all`);
  }
}

function isForeign(name: string): boolean {
  return FOREIGN_VARIABLES.some((pattern) => pattern.test(name));
}
