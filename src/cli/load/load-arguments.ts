/**
 * The command line of `portico load`: flags with their values, and the URL. Sends nothing.
 *
 * Understands what the program's own command line does: `--flag value`, `--flag=value`, `-f value`
 * and `-fvalue`.
 */
import type { OperatorError } from "../../base/errors.ts";
import {
  combine,
  isRepeatable,
  missingValue,
  quote,
  suggestion,
  usageError,
} from "../../options/given-values.ts";
import { valueAlone } from "../../options/option-spec.ts";
import { parseValue } from "../../options/values.ts";
import { LOAD_OPTION_KEYS, loadOption, type LoadOptionKey } from "./load-options.ts";

export interface LoadArguments {
  readonly help: boolean;
  /** "" where help is asked for. */
  readonly url: string;
  readonly connections: number;
  readonly durationMs: number | null;
  readonly rate: number | null;
  readonly requests: number | null;
  readonly method: string | null;
  readonly headers: readonly string[];
  readonly body: string | null;
  readonly forks: number;
  readonly timeoutMs: number;
  readonly noKeepAlive: boolean;
  readonly unixSocket: string | null;
  readonly json: boolean;
}

const DURATION_DEFAULT_MS = 10_000;
const COMMAND = "portico load";

/**
 * @param argv what follows `load`
 * @throws {OperatorError} exit status 2: an option that is not known, given twice, without its
 *   value or with one that is refused; no URL, or several; more processes than connections
 */
export function parseLoadArguments(argv: readonly string[]): LoadArguments {
  const texts = new Map<LoadOptionKey, string[]>();
  const words: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (!argument.startsWith("-")) {
      words.push(argument);
      continue;
    }
    const { key, attached } = takeApart(argument);
    const alone = valueAlone(loadOption(key));
    const text = attached ?? alone ?? valueBehind(key, argv[++index]);
    addText(texts, key, text);
  }
  const values = Object.fromEntries(
    LOAD_OPTION_KEYS.map((key) => [key, valueOf(key, texts.get(key))]),
  ) as unknown as Omit<LoadArguments, "url">;
  if (values.help) return { ...values, url: "" };
  const url = onlyWord(words);
  checkShares(values);
  const { durationMs, requests } = values;
  const isUnbounded = durationMs === null && requests === null;
  return { ...values, url, durationMs: isUnbounded ? DURATION_DEFAULT_MS : durationMs };
}

interface Flag {
  readonly key: LoadOptionKey;
  /** The value in the same argument; null where there is none. */
  readonly attached: string | null;
}

function takeApart(argument: string): Flag {
  const isLong = argument.startsWith("--");
  const equals = argument.indexOf("=");
  const nameEnd = isLong ? (equals < 0 ? argument.length : equals) : 2;
  const name = argument.slice(0, nameEnd);
  const key = LOAD_OPTION_KEYS.find((it) => {
    const { flag, short } = loadOption(it);
    return name === flag || name === short;
  });
  if (key === undefined) throw unknownOption(isLong ? name : argument);
  if (nameEnd === argument.length) return { key, attached: null };
  if (!isLong && valueAlone(loadOption(key)) !== null) throw unknownOption(argument);
  return { key, attached: argument.slice(argument[nameEnd] === "=" ? nameEnd + 1 : nameEnd) };
}

function valueBehind(key: LoadOptionKey, next: string | undefined): string {
  // A negative number is taken, to be refused with the allowed range.
  if (next === undefined || /^-[^\d]/.test(next)) throw missingValue(loadOption(key));
  return next;
}

function addText(texts: Map<LoadOptionKey, string[]>, key: LoadOptionKey, text: string): void {
  const spec = loadOption(key);
  const earlier = texts.get(key) ?? [];
  if (earlier.length > 0 && !isRepeatable(spec)) {
    const [first = ""] = earlier;
    throw usageError(`${spec.flag} is given twice: ${quote(first)} and ${quote(text)}`);
  }
  texts.set(key, [...earlier, text]);
}

function valueOf(key: LoadOptionKey, texts: readonly string[] | undefined): unknown {
  const spec = loadOption(key);
  if (texts === undefined) return spec.fallback;
  const elements = texts.map((text) => ({ text, parsed: parseValue(spec, text) }));
  return combine(spec, spec.flag, elements);
}

function onlyWord(words: readonly string[]): string {
  const [url, other] = words;
  if (url === undefined) {
    throw usageError(`which URL? For instance: ${COMMAND} http://127.0.0.1:8000/`);
  }
  if (other === undefined) return url;
  throw usageError(`only one URL can be loaded: got ${quote(url)} and ${quote(other)}`);
}

function checkShares({ forks, connections, requests }: Omit<LoadArguments, "url">): void {
  if (forks > connections) {
    throw usageError(
      `--forks ${forks} is more than the ${connections} connections; each process needs one (-c)`,
    );
  }
  if (requests !== null && forks > requests) {
    throw usageError(`--forks ${forks} is more than the ${requests} requests; each sends one (-n)`);
  }
}

function unknownOption(name: string): OperatorError {
  const specs = LOAD_OPTION_KEYS.map(loadOption);
  const ours = specs.find(({ alsoCalled }) => alsoCalled?.some((it) => it === name));
  const hint =
    ours === undefined
      ? suggestion(
          name,
          specs.flatMap(({ flag, short }) => (short === undefined ? [flag] : [flag, short])),
        )
      : ` (here it is ${ours.flag})`;
  return usageError(`unknown option ${quote(name)}${hint}; ${COMMAND} --help lists all`);
}
