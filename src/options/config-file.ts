/**
 * The configuration file: one JSON object whose keys are flags without their hyphens in front.
 *
 * Must not read the file; its text is given.
 */
import { combine, isRepeatable, quote, suggestion, usageError } from "./given-values.ts";
import type { GivenValue, GivenValues } from "./given-values.ts";
import { configKey } from "./option-spec.ts";
import { OPTION_KEYS, optionSpec } from "./registry.ts";
import type { OptionSpec } from "./option-spec.ts";
import type { OptionKey } from "./registry.ts";
import { parseJsonValue } from "./values.ts";
import type { ParsedValue } from "./values.ts";

/** A file cannot name another file. */
const KEY_BY_NAME: ReadonlyMap<string, OptionKey> = new Map(
  OPTION_KEYS.filter((key) => key !== "config" && optionSpec(key).commandLineOnly !== true).map(
    (key) => [configKey(optionSpec(key)), key],
  ),
);

/**
 * @param path   for complaints, and as the values' source
 * @param text   the file's content
 * @throws {OperatorError} exit status 2: not JSON, not an object, an unknown key, or a value that
 *   the option refuses
 */
export function parseConfigFile(path: string, text: string): GivenValues {
  const values = new Map<OptionKey, GivenValue>();
  for (const [name, json] of Object.entries(parseObject(path, text))) {
    const key = KEY_BY_NAME.get(name);
    if (key === undefined) {
      const hint = suggestion(name, KEY_BY_NAME.keys());
      throw usageError(`${quote(path)}: unknown key ${quote(name)}${hint}; --help lists all`);
    }
    const spec = optionSpec(key);
    const value = combine(spec, `${quote(path)}: ${name}`, elementsOf(spec, json));
    values.set(key, { value, source: { kind: "file", name: path } });
  }
  return values;
}

function parseObject(path: string, text: string): object {
  let json: unknown;
  try {
    // A byte order mark is not JSON, but editors put one there and nobody sees it.
    json = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw usageError(`${quote(path)} is not JSON: ${quote(cause)}`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw usageError(`${quote(path)} must hold one JSON object, such as {"workers": 4}`);
  }
  return json;
}

/** A repeatable option takes a list or a single value; assignments also an object. */
function elementsOf(spec: OptionSpec, json: unknown): { text: string; parsed: ParsedValue }[] {
  if (
    spec.kind === "assignment" &&
    typeof json === "object" &&
    json !== null &&
    !Array.isArray(json)
  ) {
    return Object.entries(json).map(([name, value]) => elementOf(spec, assignmentOf(name, value)));
  }
  const list: unknown[] = isRepeatable(spec) && Array.isArray(json) ? json : [json];
  return list.map((element) => elementOf(spec, element));
}

/** The value is left as it is where it is no text, so that the complaint shows it. */
function assignmentOf(name: string, value: unknown): unknown {
  return typeof value === "string" ? `${name}=${value}` : { [name]: value };
}

function elementOf(spec: OptionSpec, element: unknown): { text: string; parsed: ParsedValue } {
  const text = typeof element === "string" ? element : JSON.stringify(element);
  return { text, parsed: parseJsonValue(spec, element) };
}
