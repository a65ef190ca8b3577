/**
 * The notation `[PATH=]VALUE` of options that can be given for a path, and what comes of it: rules
 * by path. Owns every complaint about the notation; knows no option.
 */
import type { OperatorError } from "../base/errors.ts";
import { parsePathPrefix, PathRules } from "../http/path-rules.ts";
import { usageError } from "../options/given-values.ts";
import { membersOf } from "./proxy-settings.ts";

/** What is said for a path; "" is what is said for no path in particular. */
export type ByPrefix<T> = Map<string, T>;

export const EVERYWHERE = "";

/** True at the paths that an option names, and below. */
export function readPaths(
  flag: string,
  texts: readonly string[],
  rootPath: string,
): PathRules<boolean> {
  const members = membersOf(texts);
  const named = members.length === 1 && members[0] === "none" ? [] : members;
  const paths = new Map(named.map((member) => [readPrefix(flag, member, member), true]));
  return rulesOf(paths, false, rootPath);
}

export interface GivenRule {
  /** As it was given, for complaints. */
  readonly member: string;
  readonly prefix: string;
  readonly value: string;
}

/** The path ends at the last `=`, since no value has one. */
function readRules(flag: string, texts: readonly string[]): GivenRule[] {
  return membersOf(texts).map((member) => {
    if (!member.startsWith("/")) return { member, prefix: EVERYWHERE, value: member };
    const equals = member.lastIndexOf("=");
    if (equals === -1) throw refused(flag, member, "says nothing for the path: add = and a value");
    const prefix = readPrefix(flag, member, member.slice(0, equals));
    return { member, prefix, value: member.slice(equals + 1) };
  });
}

/**
 * As {@link readRules}, where what is given for one path is a list.
 *
 * `/api=PUT,DELETE` looks as if both were for `/api`, and would allow DELETE everywhere: a value
 * without a path has to stand before those with one.
 */
export function readListed(flag: string, texts: readonly string[]): GivenRule[] {
  const rules = readRules(flag, texts);
  const first = rules.findIndex(({ member }) => member.startsWith("/"));
  const stray = rules.find(({ member }, index) => index > first && !member.startsWith("/"));
  if (first === -1 || stray === undefined) return rules;
  throw refused(
    flag,
    stray.member,
    `stands behind ${rules[first]?.member}: put its path before it too, or give it first if it ` +
      "is for all other paths",
  );
}

export interface SingleValue<T> {
  /** Undefined where the text is no such value. */
  readonly parse: (text: string) => T | undefined;
  readonly expected: string;
  /** The same for a path, as it would be given. */
  readonly example: string;
}

/** As {@link readRules}, where one value holds for one path. */
export function readSingles<T>(
  flag: string,
  texts: readonly string[],
  { parse, expected, example }: SingleValue<T>,
): ByPrefix<T> {
  const given = new Map<string, { readonly text: string; readonly parsed: T }>();
  for (const { member, prefix, value: text } of readRules(flag, texts)) {
    const parsed = parse(text);
    if (parsed === undefined) {
      throw refused(flag, member, `is not ${expected}, nor one for a path: ${example}`);
    }
    const earlier = given.get(prefix);
    if (earlier !== undefined && earlier.parsed !== parsed) {
      throw refused(flag, member, `contradicts ${earlier.text}, which is given for the same path`);
    }
    given.set(prefix, { text, parsed });
  }
  return new Map([...given].map(([prefix, { parsed }]) => [prefix, parsed]));
}

/** "/" is every path, and also the targets that have none. */
function readPrefix(flag: string, member: string, text: string): string {
  const parsed = parsePathPrefix(text);
  if (parsed.kind === "refused") throw refused(flag, member, parsed.why);
  return parsed.prefix === "/" ? EVERYWHERE : parsed.prefix;
}

/** @param otherwise what holds elsewhere, where nothing is given without a path */
export function rulesOf<T>(values: ByPrefix<T>, otherwise: T, rootPath: string): PathRules<T> {
  const everywhere = values.get(EVERYWHERE);
  return new PathRules(
    everywhere === undefined ? otherwise : everywhere,
    [...values].filter(([prefix]) => prefix !== EVERYWHERE),
    rootPath,
  );
}

export function refused(flag: string, member: string, why: string): OperatorError {
  return usageError(`${flag}: ${member} ${why}`);
}
