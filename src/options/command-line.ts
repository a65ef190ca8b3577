/**
 * The command line: flags with their values, and the application's reference.
 *
 * Understands what `flags.ts` does, and `--`. Must not know the environment or the file.
 */
import { FlagNames, GivenFlags } from "./flags.ts";
import { combine, quote, usageError } from "./given-values.ts";
import type { GivenValue, GivenValues } from "./given-values.ts";
import { NOT_OFFERED } from "./not-offered.ts";
import { OPTION_KEYS, optionSpec } from "./registry.ts";
import type { OptionKey } from "./registry.ts";
import { parseValue } from "./values.ts";

export interface CommandLine {
  readonly values: GivenValues;
  /** The positional argument; null where there is none. */
  readonly reference: string | null;
}

const NAMES = new FlagNames(OPTION_KEYS, optionSpec, "--help", NOT_OFFERED);

/**
 * @throws {OperatorError} exit status 2: an unknown option, a missing or refused value, an option
 *   or reference given twice
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const flags = new GivenFlags(NAMES);
  let reference: string | null = null;
  let flagsEnded = false;
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (!flagsEnded && argument === "--") {
      flagsEnded = true;
    } else if (!flagsEnded && argument.startsWith("-") && argument !== "-") {
      if (flags.take(argument, argv[index + 1])) index++;
    } else if (reference === null) {
      reference = argument;
    } else {
      throw usageError(
        `only one application can be served: got ${quote(reference)} and ${quote(argument)}`,
      );
    }
  }
  return { values: parseTexts(flags.texts), reference };
}

function parseTexts(texts: ReadonlyMap<OptionKey, readonly string[]>): GivenValues {
  const values = new Map<OptionKey, GivenValue>();
  for (const [key, list] of texts) {
    const spec = optionSpec(key);
    const elements = list.map((text) => ({ text, parsed: parseValue(spec, text) }));
    values.set(key, {
      value: combine(spec, spec.flag, elements),
      source: { kind: "flag", name: spec.flag },
    });
  }
  return values;
}
