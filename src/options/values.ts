/**
 * The values of options: from text, or from JSON, to what the program works with, and back to text
 * for people.
 *
 * Owns the notation of sizes and durations, and the check of ranges. Must not know where a value
 * came from.
 */
import type { OptionSpec } from "./option-spec.ts";

/** A value that was understood, or what would have been, in words that follow "expected". */
export type ParsedValue =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "refused"; readonly expected: string };

const BYTE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  "": 1000,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Bound of a number's length; more digits than this lose precision. */
const NUMBER = /^-?\d{1,15}$/;
const BYTES = /^(\d{1,15})([kmgt]?)(?:i?b)?$/;
const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|)$/;
const ASSIGNMENT = /^([^=\0]+)=([^\0]*)$/;

/**
 * The words that a boolean may be given as; an environment variable is set to 1 as often as to
 * true.
 */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["off", false],
  ["0", false],
]);

/**
 * One value of an option from its text. For a repeatable option that is one element; for an
 * assignment, `[name, value]`.
 */
export function parseValue(spec: OptionSpec, text: string): ParsedValue {
  const word = text.toLowerCase();
  if (spec.offAllowed === true && word === "off") return { kind: "value", value: null };
  if (spec.words?.includes(word) === true) return { kind: "value", value: word };
  switch (spec.kind) {
    case "integer":
    case "bytes":
    case "duration":
      return checkRange(spec, parseNumber(spec.kind, word));
    case "boolean":
      return accept(spec, BOOLEANS.get(word));
    case "choice":
      return accept(spec, undefined);
    case "text":
      return accept(spec, spec.pattern?.test(text) === false ? undefined : text);
    case "assignment":
      return accept(spec, ASSIGNMENT.exec(text)?.slice(1));
    default:
      return spec.kind satisfies never;
  }
}

/**
 * One value from JSON: text as on the command line, or a number (durations in seconds, as on the
 * command line too) or a boolean where that is what the option holds; null where it may be off.
 */
export function parseJsonValue(spec: OptionSpec, value: unknown): ParsedValue {
  if (typeof value === "string") return parseValue(spec, value);
  const isNumeric =
    spec.kind === "integer" ||
    spec.kind === "bytes" ||
    spec.kind === "duration" ||
    spec.maybeNumber === true;
  if (typeof value === "number" && isNumeric) return parseValue(spec, String(value));
  if (typeof value === "boolean" && spec.kind === "boolean") return { kind: "value", value };
  if (value === null && (spec.offAllowed === true || spec.fallback === null)) {
    return { kind: "value", value: null };
  }
  return { kind: "refused", expected: describeExpected(spec) };
}

/** Milliseconds, bytes or a count; undefined where the text is no such thing. */
function parseNumber(kind: "integer" | "bytes" | "duration", text: string): number | undefined {
  if (kind === "integer") return NUMBER.test(text) ? Number(text) : undefined;
  const match = (kind === "bytes" ? BYTES : DURATION).exec(text);
  if (match === null) return undefined;
  const units = kind === "bytes" ? BYTE_UNITS : DURATION_UNITS;
  return Math.round(Number(match[1]) * (units[match[2] ?? ""] ?? Number.NaN));
}

function checkRange(spec: OptionSpec, value: number | undefined): ParsedValue {
  const inRange =
    value !== undefined && value >= (spec.min ?? -Infinity) && value <= (spec.max ?? Infinity);
  return accept(spec, inRange ? value : undefined);
}

function accept(spec: OptionSpec, value: unknown): ParsedValue {
  if (value === undefined) return { kind: "refused", expected: describeExpected(spec) };
  return { kind: "value", value };
}

/** What an option takes, in words: `1 to 65535`, `10ms to 24h, or off`, `auto, epoll or node`. */
export function describeExpected(spec: OptionSpec): string {
  const others = [...(spec.words ?? []), ...(spec.offAllowed === true ? ["off"] : [])];
  const base = describeBase(spec);
  if (base === "") return joinWords(others);
  return others.length === 0 ? base : `${base}, or ${joinWords(others)}`;
}

function describeBase(spec: OptionSpec): string {
  switch (spec.kind) {
    case "integer":
      return `a whole number, ${formatNumber(spec, spec.min)} to ${formatNumber(spec, spec.max)}`;
    case "bytes":
      return `a size such as 512, 16k or 1MiB, ${describeRange(spec)}`;
    case "duration":
      return `a duration such as 30, 30s or 500ms, ${describeRange(spec)}`;
    case "boolean":
      return "true or false";
    case "choice":
      return "";
    case "text":
      return spec.expects ?? "text";
    case "assignment":
      return "NAME=VALUE";
    default:
      return spec.kind satisfies never;
  }
}

function describeRange(spec: OptionSpec): string {
  if (spec.max === Number.MAX_SAFE_INTEGER) return `${formatNumber(spec, spec.min)} or more`;
  return `${formatNumber(spec, spec.min)} to ${formatNumber(spec, spec.max)}`;
}

function formatNumber(spec: OptionSpec, value: number | undefined): string {
  if (value === undefined) return "any";
  if (spec.kind === "bytes") return formatBytes(value);
  return spec.kind === "duration" ? formatDuration(value) : String(value);
}

/** `a`, `a or b`, `a, b or c`. */
function joinWords(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/**
 * A value as a person would write it on the command line; `none` for an option that has no value.
 */
export function formatValue(spec: OptionSpec, value: unknown): string {
  if (value === null) return spec.offAllowed === true ? "off" : "none";
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(", ");
  if (typeof value === "number") return formatNumber(spec, value);
  if (typeof value === "object") {
    const pairs = Object.entries(value).map(([name, text]) => `${name}=${text}`);
    return pairs.length === 0 ? "none" : pairs.join(", ");
  }
  if (value === "") return "empty";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** `8190`, `64KiB`, `1GiB`: the largest unit that leaves a whole number. */
export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

/**
 * `500ms`, `30s`, `24h`: seconds are kept up to an hour, since that is how timeouts are compared.
 */
export function formatDuration(ms: number): string {
  if (ms >= 3_600_000 && ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  return ms >= 1000 && ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
