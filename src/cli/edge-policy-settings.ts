/**
 * From the options about Fetch Metadata and CORS to the rules that are made of them. Owns the
 * notation `[PATH=]VALUE` and every complaint about what cannot be meant; decides nothing about
 * requests.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { CorsRule } from "../handlers/cors-rule.ts";
import { FetchRule } from "../handlers/fetch-rule.ts";
import type { RefusalReport } from "../handlers/refusal-report.ts";
import { type CorsGrants, CorsPolicy, normalizedMethod } from "../http/cors.ts";
import { FETCH_POLICY_MODES, type FetchPolicyMode } from "../http/fetch-metadata.ts";
import { isToken } from "../http/fields.ts";
import { type OriginPattern, OriginSet, parseOriginPattern } from "../http/origin.ts";
import { parsePathPrefix, PathRules } from "../http/path-rules.ts";
import type { Options } from "../options/registry.ts";
import { membersOf } from "./proxy-settings.ts";

/** What is said for a path; "" is what is said for no path in particular. */
type ByPrefix<T> = Map<string, T>;

const EVERYWHERE = "";

export interface EdgeRules {
  /** null where no CORS option is given. */
  readonly cors: CorsRule | null;
  /** null where the policy is off everywhere. */
  readonly fetch: FetchRule | null;
}

/**
 * @throws {OperatorError} exit status 2: a path, origin, mode, method or name that is none, or two
 *   options that cannot both be meant
 */
export function readEdgeRules(options: Options, report: RefusalReport): EdgeRules {
  const policies = readCorsPolicies(options);
  const cors = policies === null ? null : new CorsRule(policies);
  const modes = readModes(options.fetchPolicy, options.rootPath);
  if (modes.all.every((mode) => mode === "off")) return { cors, fetch: null };
  const frames = readPaths("--fetch-frames", options.fetchFrames, options.rootPath);
  const sameSite = options.fetchSameSite === "allow";
  return { cors, fetch: new FetchRule({ modes, frames, sameSite, cors, report }) };
}

function readModes(texts: readonly string[], rootPath: string): PathRules<FetchPolicyMode> {
  const flag = "--fetch-policy";
  const modes: ByPrefix<FetchPolicyMode> = new Map();
  for (const { member, prefix, value } of readRules(flag, texts)) {
    const mode = FETCH_POLICY_MODES.find((word) => word === value.toLowerCase());
    if (mode === undefined) {
      throw refused(
        flag,
        member,
        "is not off, report or enforce, nor one for a path: /public/=off",
      );
    }
    const earlier = modes.get(prefix);
    if (earlier !== undefined && earlier !== mode) {
      throw refused(flag, member, `contradicts ${earlier}, which is given for the same path`);
    }
    modes.set(prefix, mode);
  }
  return new PathRules(modes.get(EVERYWHERE) ?? "off", withoutEverywhere(modes), rootPath);
}

/** Where CORS is looked after, and how; null where it is nowhere. */
function readCorsPolicies(options: Options): PathRules<CorsPolicy | null> | null {
  const { rootPath } = options;
  const patterns = readOrigins(options.corsOrigins);
  if (patterns.size === 0) return null;
  const credentials = readPaths("--cors-credentials", options.corsCredentials, rootPath);
  const origins = new PathRules(
    patterns.get(EVERYWHERE) ?? null,
    withoutEverywhere(patterns),
    rootPath,
  );
  const grants = readGrants(options);
  // What is equal has to be the same object, or a path would seem to have two policies.
  const made = new Map<string, CorsPolicy>();
  const policyOf = (set: OriginSet | null, withCredentials: boolean): CorsPolicy | null => {
    if (set === null) return null;
    refuseAnyWithCredentials(set, withCredentials, grants);
    const key = `${origins.all.indexOf(set)} ${withCredentials}`;
    const policy = made.get(key) ?? new CorsPolicy(set, withCredentials, grants);
    made.set(key, policy);
    return policy;
  };
  const prefixes = new Set([...origins.prefixes, ...credentials.prefixes]);
  return new PathRules(
    policyOf(origins.fallback, credentials.fallback),
    [...prefixes].map((prefix) => [
      prefix,
      policyOf(origins.valueOf(prefix), credentials.valueOf(prefix)),
    ]),
    rootPath,
  );
}

function refuseAnyWithCredentials(
  origins: OriginSet,
  credentials: boolean,
  { exposedFields }: CorsGrants,
): void {
  if (!credentials) return;
  if (origins.any) {
    throw new OperatorError(
      EXIT_STATUS.usage,
      "--cors-credentials: not for paths where --cors-origin is *, or every site could act as " +
        "your users; name the origins, or give the path: --cors-credentials=/api/",
    );
  }
  if (exposedFields.includes("*")) {
    throw new OperatorError(
      EXIT_STATUS.usage,
      "--cors-expose-headers: * stands for all fields only without --cors-credentials; name them",
    );
  }
}

/** The origins by path; null for `off`. */
function readOrigins(texts: readonly string[]): ByPrefix<OriginSet | null> {
  const flag = "--cors-origin";
  const patterns: ByPrefix<OriginPattern[]> = new Map();
  const off = new Set<string>();
  for (const { member, prefix, value } of readRules(flag, texts)) {
    const list = patterns.get(prefix) ?? [];
    patterns.set(prefix, list);
    if (value === "off") {
      off.add(prefix);
    } else {
      const parsed = parseOriginPattern(value);
      if (parsed.kind === "refused") throw refused(flag, member, parsed.why);
      list.push(parsed.pattern);
    }
    const isAlone = list.length + Number(off.has(prefix)) === 1;
    const wantsAlone = off.has(prefix) || list.some(({ kind }) => kind === "any");
    if (wantsAlone && !isAlone) {
      throw refused(
        flag,
        member,
        "stands beside another origin for the same path, and one is * or off",
      );
    }
  }
  return new Map(
    [...patterns].map(([prefix, list]) => [prefix, off.has(prefix) ? null : new OriginSet(list)]),
  );
}

function readGrants(options: Options): CorsGrants {
  return {
    methods: readTokens("--cors-methods", options.corsMethods, "a method").map(normalizedMethod),
    requestFields: readTokens("--cors-headers", options.corsRequestFields, "a field's name"),
    exposedFields: readTokens("--cors-expose-headers", options.corsExposedFields, "a field's name"),
    preflightMaxAgeMs: options.corsPreflightMaxAgeMs,
  };
}

function readTokens(flag: string, texts: readonly string[], what: string): string[] {
  const members = membersOf(texts);
  const wrong = members.find((member) => !isToken(member));
  if (wrong !== undefined) throw refused(flag, wrong, `is not ${what}`);
  return members;
}

/** True at the paths that an option names, and below. */
function readPaths(flag: string, texts: readonly string[], rootPath: string): PathRules<boolean> {
  const members = membersOf(texts);
  const named = members.length === 1 && members[0] === "none" ? [] : members;
  const prefixes = named.map((member) => readPrefix(flag, member, member));
  // "/" is every path, and also the targets that have none.
  const everywhere = prefixes.includes("/");
  return new PathRules(
    everywhere,
    prefixes.filter((prefix) => prefix !== "/").map((prefix) => [prefix, true]),
    rootPath,
  );
}

interface GivenRule {
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
    return {
      member,
      prefix: prefix === "/" ? EVERYWHERE : prefix,
      value: member.slice(equals + 1),
    };
  });
}

function readPrefix(flag: string, member: string, text: string): string {
  const parsed = parsePathPrefix(text);
  if (parsed.kind === "refused") throw refused(flag, member, parsed.why);
  return parsed.prefix;
}

function withoutEverywhere<T>(values: ByPrefix<T>): [prefix: string, value: T][] {
  return [...values].filter(([prefix]) => prefix !== EVERYWHERE);
}

function refused(flag: string, member: string, why: string): OperatorError {
  return new OperatorError(EXIT_STATUS.usage, `${flag}: ${member} ${why}`);
}
