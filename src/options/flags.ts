/**
 * Flags with their values, as every command line of the program has them: `--flag value`,
 * `--flag=value`, `-f value` and `-fvalue`. A boolean, and whatever else means something alone,
 * takes a value only behind `=`.
 *
 * Owns how an argument is taken apart, and what is said of one that is no flag. Must not know which
 * options there are, nor what their values mean.
 */
import type { OperatorError } from "../base/errors.ts";
import {
  isRepeatable,
  missingValue,
  quote,
  quoteValue,
  suggestion,
  usageError,
} from "./given-values.ts";
import { type OptionSpec, valueAlone } from "./option-spec.ts";

interface Flag<Key> {
  readonly key: Key;
  /** The value in the same argument; null where it must be the next one. */
  readonly attached: string | null;
}

/** Of a flag such as `-b`. */
const SHORT_LENGTH = 2;

/** The flags of one command line, by all their names. Made once. */
export class FlagNames<Key extends string> {
  readonly specOf: (key: Key) => OptionSpec;
  readonly #help: string;
  readonly #keys: ReadonlyMap<string, Key>;
  /** Our names by those that others have for the same. */
  readonly #ours: ReadonlyMap<string, string>;
  readonly #notOffered: ReadonlyMap<string, string>;

  /**
   * @param help what lists them all
   * @param notOffered what to do instead, by flags that only others have
   */
  constructor(
    keys: readonly Key[],
    specOf: (key: Key) => OptionSpec,
    help: string,
    notOffered: ReadonlyMap<string, string> = new Map(),
  ) {
    this.specOf = specOf;
    this.#help = help;
    this.#notOffered = notOffered;
    this.#keys = new Map(
      keys.flatMap((key) => {
        const { flag, short } = specOf(key);
        return (short === undefined ? [flag] : [flag, short]).map((name) => [name, key] as const);
      }),
    );
    this.#ours = new Map(
      keys.flatMap((key) => {
        const { flag, alsoCalled } = specOf(key);
        return (alsoCalled ?? []).map((name) => [name, flag] as const);
      }),
    );
  }

  /** @throws {OperatorError} exit status 2: it is not known */
  takeApart(argument: string): Flag<Key> {
    const isLong = argument.startsWith("--");
    const equals = argument.indexOf("=");
    const nameEnd = isLong ? (equals === -1 ? argument.length : equals) : SHORT_LENGTH;
    const name = argument.slice(0, nameEnd);
    const key = this.#keys.get(name);
    if (key === undefined) throw this.#unknown(isLong ? name : argument);
    if (nameEnd === argument.length) return { key, attached: null };
    if (!isLong && valueAlone(this.specOf(key)) !== null) throw this.#unknown(argument);
    return { key, attached: argument.slice(argument[nameEnd] === "=" ? nameEnd + 1 : nameEnd) };
  }

  #unknown(name: string): OperatorError {
    const flag = name.startsWith("--") ? name : name.slice(0, SHORT_LENGTH);
    const instead = this.#notOffered.get(flag);
    if (instead !== undefined) return usageError(`there is no ${flag}: ${instead}`);
    const ours = this.#ours.get(flag);
    const hint = ours === undefined ? suggestion(name, this.#keys.keys()) : ` (here it is ${ours})`;
    return usageError(`unknown option ${quote(name)}${hint}; ${this.#help} lists all`);
  }
}

/** What one command line gives, as text. */
export class GivenFlags<Key extends string> {
  /** More than one for an option that may be repeated. */
  readonly texts = new Map<Key, string[]>();
  readonly #names: FlagNames<Key>;

  constructor(names: FlagNames<Key>) {
    this.#names = names;
  }

  /**
   * @param argument begins with a hyphen
   * @param next     what stands behind it
   * @returns whether that was its value
   * @throws {OperatorError} exit status 2: it is not known, has no value, or was given otherwise
   */
  take(argument: string, next: string | undefined): boolean {
    const { key, attached } = this.#names.takeApart(argument);
    const spec = this.#names.specOf(key);
    const text = attached ?? valueAlone(spec);
    this.#add(key, spec, text ?? valueBehind(spec, next));
    return text === null;
  }

  #add(key: Key, spec: OptionSpec, text: string): void {
    const earlier = this.texts.get(key);
    if (earlier === undefined) {
      this.texts.set(key, [text]);
    } else if (isRepeatable(spec)) {
      earlier.push(text);
    } else if (earlier[0] !== text) {
      const [first = ""] = earlier;
      const both = `${quoteValue(spec, first)} and ${quoteValue(spec, text)}`;
      throw usageError(`${spec.flag} is given twice: ${both}`);
    }
  }
}

/**
 * An argument that looks like a flag is one: `--bind --workers 2` has a hole in it. A negative
 * number is taken, to be refused with the allowed range; any other value with a hyphen in front can
 * be given behind "=".
 */
function valueBehind(spec: OptionSpec, next: string | undefined): string {
  if (next === undefined || /^-[^\d]/.test(next)) throw missingValue(spec);
  return next;
}
