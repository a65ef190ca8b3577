/**
 * Values that hold for a path and everything below it, such as a policy: the longest prefix that
 * fits decides.
 *
 * Owns what a path is taken for. The application, a proxy in front and the operator may each read
 * one differently (`/public/..%2fadmin`), so a path has all the values that a reading of it has,
 * and whoever asks takes the strictest. Knows nothing of what the values are.
 *
 * Strings in which each character is one byte (latin-1).
 */
import { percentDecode } from "./target.ts";

/**
 * Readings of one path; where there are more, all values hold. A path that nobody plays tricks with
 * has one, seldom two.
 */
export const READINGS_MAX = 16;

/** A path that has more than one reading, once it is decoded. */
const AMBIGUOUS = /[\\%]|\/\/|\/\.\.?(?:\/|$)/;

/** A prefix, or why the text is none, in words that follow the text. */
export type ParsedPathPrefix =
  | { readonly kind: "prefix"; readonly prefix: string }
  | { readonly kind: "refused"; readonly why: string };

/**
 * Reads the path of a rule: `/api` is that path and all below it, `/api/` only what is below it.
 *
 * Taken as it is or percent-encoded; its characters beyond ASCII are UTF-8 in requests. Only a path
 * that can be read in one way names anything.
 */
export function parsePathPrefix(text: string): ParsedPathPrefix {
  if (!text.startsWith("/")) return refused("does not begin with a slash");
  if (/[?#]/.test(text)) return refused("has a query or fragment; rules are about paths");
  const prefix = percentDecode(Buffer.from(text, "utf8").toString("latin1"));
  if (AMBIGUOUS.test(prefix)) {
    return refused("can be read in two ways: it has //, a dot segment, a backslash or a %");
  }
  return { kind: "prefix", prefix };
}

function refused(why: string): ParsedPathPrefix {
  return { kind: "refused", why };
}

/**
 * Every text that a path may be taken for: decoded once, as WSGI has it, and whatever comes of that
 * when it is decoded again, backslashes are slashes, several slashes are one, dot segments are
 * followed (RFC 3986 section 5.2.4) or the root path is taken off, in any order and number.
 *
 * @param encodedPath as in the request's target
 * @param rootPath "" or a path that begins with "/" and does not end with it
 * @returns null where there are more than {@link READINGS_MAX}
 * @bound O(length of the path), times the readings
 */
export function pathReadings(encodedPath: string, rootPath: string): readonly string[] | null {
  const decoded = percentDecode(encodedPath);
  if (rootPath === "" && !AMBIGUOUS.test(decoded)) return [decoded];
  const readings = new Set([decoded]);
  // A set hands out what is added to it while it is gone through.
  for (const reading of readings) {
    readings.add(percentDecode(reading));
    readings.add(reading.replaceAll("\\", "/"));
    readings.add(reading.replace(/\/{2,}/g, "/"));
    readings.add(withoutDotSegments(reading));
    readings.add(withoutRoot(reading, rootPath));
    if (readings.size > READINGS_MAX) return null;
  }
  return [...readings];
}

/** Without the slash that RFC 3986 leaves where the last segment has dots: both are looked up. */
function withoutDotSegments(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split("/").slice(1)) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}`;
}

function withoutRoot(path: string, rootPath: string): string {
  return rootPath !== "" && path.startsWith(`${rootPath}/`) ? path.slice(rootPath.length) : path;
}

interface Rule<T> {
  readonly prefix: string;
  readonly foldedPrefix: string;
  readonly value: T;
}

export class PathRules<T> {
  /** Longest prefix first. */
  readonly #rules: readonly Rule<T>[];
  /** Holds where no prefix fits. */
  readonly fallback: T;
  readonly #all: readonly T[];
  readonly #rootPath: string;

  /**
   * @param values by prefix, see {@link parsePathPrefix}
   * @param rootPath a path counts with it and without it
   */
  constructor(fallback: T, values: Iterable<readonly [prefix: string, value: T]>, rootPath = "") {
    this.#rules = [...values]
      .map(([prefix, value]) => ({ prefix, foldedPrefix: prefix.toLowerCase(), value }))
      .toSorted((one, other) => other.prefix.length - one.prefix.length);
    this.fallback = fallback;
    this.#all = [...new Set([fallback, ...this.#rules.map(({ value }) => value)])];
    this.#rootPath = rootPath;
  }

  get prefixes(): readonly string[] {
    return this.#rules.map(({ prefix }) => prefix);
  }

  /** Each value that holds anywhere, once. */
  get all(): readonly T[] {
    return this.#all;
  }

  /**
   * What holds for a path, by every reading of it, each value once and at least one. Whoever writes
   * it in other case or without a slash at its end also gets what holds for the other.
   *
   * @param encodedPath as in the request's target; `*` and "" get what holds where no prefix fits
   */
  valuesAt(encodedPath: string): readonly T[] {
    if (this.#all.length === 1) return this.#all;
    const readings = pathReadings(encodedPath, this.#rootPath);
    if (readings === null) return this.#all;
    const values = new Set<T>();
    for (const reading of readings) {
      this.#addValues(values, reading);
      if (!reading.endsWith("/")) this.#addValues(values, `${reading}/`);
    }
    return [...values];
  }

  /** What holds for a prefix itself. */
  valueOf(prefix: string): T {
    return this.#valueAt(this.#rules.find((rule) => covers(rule.prefix, prefix)));
  }

  #valueAt(rule: Rule<T> | undefined): T {
    return rule === undefined ? this.fallback : rule.value;
  }

  #addValues(values: Set<T>, path: string): void {
    const exact = this.#rules.find((rule) => covers(rule.prefix, path));
    values.add(this.#valueAt(exact));
    const folded = path.toLowerCase();
    const longest = this.#rules.find((rule) => covers(rule.foldedPrefix, folded));
    if (longest === undefined) return;
    for (const rule of this.#rules) {
      if (rule.foldedPrefix === longest.foldedPrefix) values.add(rule.value);
    }
  }
}

/** Whether a path is the prefix or lies below it; `/api` is not above `/apiary`. */
function covers(prefix: string, path: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return path.length === prefix.length || prefix.endsWith("/") || path[prefix.length] === "/";
}
