/**
 * Values as they were given in one place: the command line, the environment, or the file.
 *
 * Owns how several values of a repeatable option become one, and the wording of complaints. Must
 * not know the order of precedence.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { escapeAndCutForLog } from "../base/escape.ts";
import { nearestName } from "../base/nearest-name.ts";
import type { OptionSpec } from "./option-spec.ts";
import type { OptionKey } from "./registry.ts";
import { describeExpected } from "./values.ts";
import type { ParsedValue } from "./values.ts";

/** Where a value came from: `{kind: "environment", name: "PORTICO_WORKERS"}`. */
export interface OptionSource {
  readonly kind: "flag" | "environment" | "file" | "default";
  /** The flag, the variable, or the file; empty for a default. */
  readonly name: string;
}

/** An option's whole value, as one place gave it. */
export interface GivenValue {
  readonly value: unknown;
  readonly source: OptionSource;
}

export type GivenValues = ReadonlyMap<OptionKey, GivenValue>;

/** Longest piece of a wrong value that a complaint repeats. */
const QUOTED_LENGTH_MAX = 200;

/** A complaint about how the program was started: one line, exit status 2. */
export function usageError(message: string): OperatorError {
  return new OperatorError(EXIT_STATUS.usage, message);
}

/** A text from outside, quoted, escaped and cut, for a complaint. */
export function quote(text: string): string {
  return `"${escapeAndCutForLog(text, QUOTED_LENGTH_MAX)}"`;
}

/** A value of an option, for a complaint: quoted, or of a secret how long it is. */
export function quoteValue(spec: OptionSpec, text: string): string {
  return spec.secret === true ? `${text.length} characters` : quote(text);
}

/** ` (did you mean NAME?)`, or nothing where no name is near. */
export function suggestion(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === null ? "" : ` (did you mean ${nearest}?)`;
}

/** Whether an option takes several values. */
export function isRepeatable(spec: OptionSpec): boolean {
  return spec.separator !== undefined;
}

/**
 * Puts the elements of one option together: a list, an object of assignments, or the one value.
 *
 * @param where   the flag, variable or key, as the complaint names it
 * @throws {OperatorError} exit status 2: an element was refused; the line names what is expected
 */
export function combine(
  spec: OptionSpec,
  where: string,
  elements: readonly { readonly text: string; readonly parsed: ParsedValue }[],
): unknown {
  const values = elements.map(({ text, parsed }) => {
    if (parsed.kind === "value") return parsed.value;
    throw usageError(`${where}: expected ${parsed.expected}; got ${quoteValue(spec, text)}`);
  });
  if (spec.kind === "assignment") return Object.fromEntries(values as [string, string][]);
  return isRepeatable(spec) ? values : values[0];
}

/** The complaint for an option that needs a value and has none. */
export function missingValue(spec: OptionSpec): OperatorError {
  return usageError(`${spec.flag} needs a value: ${describeExpected(spec)}`);
}
