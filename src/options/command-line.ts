/**
 * The command line: flags with their values, and the application's reference.
 *
 * Understands `--flag value`, `--flag=value`, `-f value`, `-fvalue` and `--`. A boolean, and
 * whatever else means something alone, takes a value only behind `=`. Must not know the environment
 * or the file.
 */
import type { OperatorError } from "../base/errors.ts";
import {
  combine,
  isRepeatable,
  missingValue,
  quote,
  quoteValue,
  suggestion,
  usageError,
} from "./given-values.ts";
import type { GivenValue, GivenValues } from "./given-values.ts";
import { valueAlone } from "./option-spec.ts";
import { OPTION_KEYS, optionSpec } from "./registry.ts";
import type { OptionKey } from "./registry.ts";
import { parseValue } from "./values.ts";

export interface CommandLine {
  readonly values: GivenValues;
  /** The positional argument; null where there is none. */
  readonly reference: string | null;
}

const KEY_BY_NAME: ReadonlyMap<string, OptionKey> = new Map(
  OPTION_KEYS.flatMap((key) => {
    const { flag, short } = optionSpec(key);
    return short === undefined
      ? [[flag, key]]
      : [
          [flag, key],
          [short, key],
        ];
  }),
);

const FLAG_BY_PEER_NAME: ReadonlyMap<string, string> = new Map(
  OPTION_KEYS.flatMap((key) => {
    const { flag, alsoCalled } = optionSpec(key);
    return (alsoCalled ?? []).map((name) => [name, flag] as const);
  }),
);

/** An argument that stands for an option, taken apart. */
interface FlagArgument {
  readonly key: OptionKey;
  /** What was typed, for complaints. */
  readonly name: string;
  /** The value in the same argument; null where it must be the next one. */
  readonly attached: string | null;
}

/**
 * @throws {OperatorError} exit status 2: an unknown option, a missing or refused value, an option
 *   or reference given twice
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const texts = new Map<OptionKey, string[]>();
  let reference: string | null = null;
  let flagsEnded = false;
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (!flagsEnded && argument === "--") {
      flagsEnded = true;
    } else if (!flagsEnded && argument.startsWith("-") && argument !== "-") {
      const flag = takeApart(argument);
      const text = flag.attached ?? valueBehind(flag, argv[index + 1]);
      if (flag.attached === null && valueAlone(optionSpec(flag.key)) === null) index++;
      addText(texts, flag, text);
    } else if (reference === null) {
      reference = argument;
    } else {
      throw usageError(
        `only one application can be served: got ${quote(reference)} and ${quote(argument)}`,
      );
    }
  }
  return { values: parseTexts(texts), reference };
}

function takeApart(argument: string): FlagArgument {
  const isLong = argument.startsWith("--");
  const equals = argument.indexOf("=");
  const nameEnd = isLong ? (equals === -1 ? argument.length : equals) : 2;
  const name = argument.slice(0, nameEnd);
  const key = KEY_BY_NAME.get(name);
  if (key === undefined) throw unknownFlag(isLong ? name : argument);
  if (nameEnd === argument.length) return { key, name, attached: null };
  const attached = argument.slice(argument[nameEnd] === "=" ? nameEnd + 1 : nameEnd);
  if (!isLong && valueAlone(optionSpec(key)) !== null) throw unknownFlag(argument);
  return { key, name, attached };
}

/** The value of a flag that stands alone: true for a boolean, else the next argument. */
function valueBehind(flag: FlagArgument, next: string | undefined): string {
  const spec = optionSpec(flag.key);
  const alone = valueAlone(spec);
  if (alone !== null) return alone;
  // An argument that looks like a flag is one: `--bind --workers 2` has a hole in it. A negative
  // number is taken, to be refused with the allowed range; any other value with a hyphen in front
  // can be given behind "=".
  if (next === undefined || /^-[^\d]/.test(next)) throw missingValue(spec);
  return next;
}

function addText(texts: Map<OptionKey, string[]>, flag: FlagArgument, text: string): void {
  const earlier = texts.get(flag.key);
  const spec = optionSpec(flag.key);
  if (earlier === undefined) {
    texts.set(flag.key, [text]);
  } else if (isRepeatable(spec)) {
    earlier.push(text);
  } else if (earlier[0] !== text) {
    const [first = ""] = earlier;
    const both = `${quoteValue(spec, first)} and ${quoteValue(spec, text)}`;
    throw usageError(`${spec.flag} is given twice: ${both}`);
  }
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

function unknownFlag(name: string): OperatorError {
  const ours = FLAG_BY_PEER_NAME.get(name);
  const hint = ours === undefined ? suggestion(name, KEY_BY_NAME.keys()) : ` (here it is ${ours})`;
  return usageError(`unknown option ${quote(name)}${hint}; --help lists all`);
}
