/**
 * The atoms of a format string: what can stand between `%(` and `)s`, and what each writes.
 *
 * Single letters, and `{name}i`, `{name}o`, `{name}e`, are gunicorn's and mean what they mean
 * there; words are ours. Knows no syntax.
 */
import type { AccessRecord } from "./access-record.ts";
import { oneWord, quotable, remembering } from "./client-text.ts";
import { commonLogTime, isoTime } from "./log-time.ts";

/** What an atom writes of a record: printable ASCII. */
export interface Atom {
  readonly read: (record: AccessRecord) => string;
  /** Whether that stays the same while a client repeats itself ({@link RepeatedParts}). */
  readonly repeats: boolean;
}

type AtomReader = Atom["read"];

const US_PER_SECOND = 1_000_000;
const US_PER_MS = 1_000;
const FRACTION_DIGITS = 6;

const REPEATING: Readonly<Record<string, AtomReader>> = {
  h: (record) => oneWord(record.remoteHost),
  l: () => "-",
  u: (record) => oneWord(record.user),
  m: (record) => quotable(record.method),
  H: (record) => record.protocol ?? "-",
  f: (record) => quotable(record.requestField("referer")),
  a: (record) => quotable(record.requestField("user-agent")),
  peer: (record) => oneWord(record.peerHost),
};

/** Made for each place where one stands in a format, since some remember what they wrote last. */
const CHANGING: Readonly<Record<string, () => AtomReader>> = {
  t: () => {
    const format = commonLogTime();
    return (record) => format(record.startedAtEpochMs);
  },
  r: () => {
    let last: Pick<AccessRecord, "method" | "target" | "protocol"> | null = null;
    let line = "";
    return ({ method, target, protocol }) => {
      if (method === null) return "-";
      const isSame =
        last?.target === target && last.method === method && last.protocol === protocol;
      if (!isSame) {
        last = { method, target, protocol };
        line = [quotable(method), quotable(target), protocol].join(" ");
      }
      return line;
    };
  },
  U: () => remembered((record) => record.path),
  q: () => remembered((record) => record.query || null),
  s: () => (record) => String(record.status),
  B: () => (record) => String(record.contentBytes),
  b: () => (record) => count(record.contentBytes || null),
  T: () => (record) => String(Math.floor(record.durationUs / US_PER_SECOND)),
  M: () => (record) => String(Math.floor(record.durationUs / US_PER_MS)),
  D: () => (record) => String(record.durationUs),
  L: () => (record) => seconds(record.durationUs),
  p: () => (record) => (record.workerPid === null ? "-" : `<${record.workerPid}>`),
  time: () => {
    const format = isoTime();
    return (record) => format(record.startedAtEpochMs);
  },
  queue_us: () => (record) => count(record.queueUs),
  application_us: () => (record) => count(record.applicationUs),
  worker: () => (record) => count(record.workerPid),
  generation: () => (record) => count(record.generation),
  retries: () => (record) => String(record.retries),
  request_id: () => remembered((record) => record.requestId),
  trace_id: () => (record) => record.trace?.traceId ?? "-",
  span_id: () => (record) => record.trace?.spanId ?? "-",
};

/** Every atom without a name in braces. */
export const ATOM_NAMES: readonly string[] = [...Object.keys(REPEATING), ...Object.keys(CHANGING)];

/** The atom of a name; null where there is none. */
export function atomOf(name: string): Atom | null {
  const repeating = Object.hasOwn(REPEATING, name) ? REPEATING[name] : undefined;
  if (repeating !== undefined) return { read: repeating, repeats: true };
  const make = Object.hasOwn(CHANGING, name) ? CHANGING[name] : undefined;
  return make === undefined ? null : { read: make(), repeats: false };
}

/** What `{name}i`, `{name}o` and `{name}e` read. */
export type NamedAtomLetter = "i" | "o" | "e";

/** @param name of a field or of an environ entry, in any case */
export function namedAtom(name: string, letter: NamedAtomLetter): Atom {
  const lowerCaseName = name.toLowerCase();
  switch (letter) {
    case "i":
      return { read: (record) => quotable(record.requestField(lowerCaseName)), repeats: true };
    case "o":
      return { read: remembered((record) => record.responseField(lowerCaseName)), repeats: false };
    case "e":
      return { read: remembered((record) => record.environ(name)), repeats: false };
    default:
      return letter satisfies never;
  }
}

function remembered(read: (record: AccessRecord) => string | null): AtomReader {
  const escaped = remembering(quotable);
  return (record) => escaped(read(record));
}

function count(value: number | null): string {
  return value === null ? "-" : String(value);
}

/** `0.006012`, without the rounding of a division. */
function seconds(durationUs: number): string {
  const rest = String(durationUs % US_PER_SECOND).padStart(FRACTION_DIGITS, "0");
  return `${Math.floor(durationUs / US_PER_SECOND)}.${rest}`;
}
