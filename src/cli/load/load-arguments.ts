/**
 * The command line of `portico load`: flags with their values, and the URL. Sends nothing.
 *
 * Understands what the program's own command line does (`src/options/flags.ts`).
 */
import { FlagNames, GivenFlags } from "../../options/flags.ts";
import { combine, quote, usageError } from "../../options/given-values.ts";
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
const NAMES = new FlagNames(LOAD_OPTION_KEYS, loadOption, `${COMMAND} --help`);

/**
 * @param argv what follows `load`
 * @throws {OperatorError} exit status 2: an option that is not known, given twice, without its
 *   value or with one that is refused; no URL, or several; more processes than connections
 */
export function parseLoadArguments(argv: readonly string[]): LoadArguments {
  const flags = new GivenFlags(NAMES);
  const words: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (!argument.startsWith("-")) {
      words.push(argument);
      continue;
    }
    if (flags.take(argument, argv[index + 1])) index++;
  }
  const values = Object.fromEntries(
    LOAD_OPTION_KEYS.map((key) => [key, valueOf(key, flags.texts.get(key))]),
  ) as unknown as Omit<LoadArguments, "url">;
  if (values.help) return { ...values, url: "" };
  const url = onlyWord(words);
  checkShares(values);
  const { durationMs, requests } = values;
  const isUnbounded = durationMs === null && requests === null;
  return { ...values, url, durationMs: isUnbounded ? DURATION_DEFAULT_MS : durationMs };
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
