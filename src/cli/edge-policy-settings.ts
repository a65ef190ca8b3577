/**
 * From the options about Fetch Metadata and CORS to the rules that are made of them. Owns what
 * the values mean and every complaint about what cannot be meant; decides nothing about requests.
 * The notation `[PATH=]VALUE` is that of `src/cli/values-by-path.ts`.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { CorsRule } from "../handlers/cors-rule.ts";
import { FetchRule } from "../handlers/fetch-rule.ts";
import type { RefusalReport } from "../handlers/refusal-report.ts";
import { type CorsGrants, CorsPolicy, normalizedMethod } from "../http/cors.ts";
import { FETCH_POLICY_MODES, type FetchPolicyMode } from "../http/fetch-metadata.ts";
import { isToken } from "../http/fields.ts";
import { type OriginPattern, OriginSet, parseOriginPattern } from "../http/origin.ts";
import { PathRules } from "../http/path-rules.ts";
import type { OptionSpec } from "../options/option-spec.ts";
import { DAY, SECOND } from "../options/records/units.ts";
import { OPTIONS, type Options } from "../options/registry.ts";
import { describeExpected, parseValue } from "../options/values.ts";
import {
  type ByPrefix,
  EVERYWHERE,
  readListed,
  readPaths,
  readSingles,
  refused,
  rulesOf,
} from "./values-by-path.ts";

/** What a value of `--cors-max-age` is, behind its path. */
const MAX_AGE: OptionSpec = {
  ...OPTIONS.corsPreflightMaxAge,
  kind: "duration",
  min: SECOND,
  max: DAY,
  offAllowed: true,
};

export interface EdgeRules {
  /** null where no CORS option is given. */
  readonly cors: CorsRule | null;
  /** null where the policy is off everywhere. */
  readonly fetch: FetchRule | null;
}

/**
 * @throws {OperatorError} exit status 2: a path, origin, mode, method, name or time that is none,
 *   or two options that cannot both be meant
 */
export function readEdgeRules(options: Options, report: RefusalReport): EdgeRules {
  const policies = readCorsPolicies(options);
  const cors = policies === null ? null : new CorsRule(policies);
  const modes = readModes(options.fetchPolicy, options.rootPath);
  const sameSite = readSameSite(options.fetchSameSite, options.rootPath);
  if (modes.all.every((mode) => mode === "off")) return { cors, fetch: null };
  const frames = readPaths("--fetch-frames", options.fetchFrames, options.rootPath);
  return { cors, fetch: new FetchRule({ modes, frames, sameSite, cors, report }) };
}

function readModes(texts: readonly string[], rootPath: string): PathRules<FetchPolicyMode> {
  const modes = readSingles("--fetch-policy", texts, {
    parse: (text) => FETCH_POLICY_MODES.find((word) => word === text.toLowerCase()),
    expected: "off, report or enforce",
    example: "/public/=off",
  });
  return rulesOf(modes, "off", rootPath);
}

function readSameSite(texts: readonly string[], rootPath: string): PathRules<boolean> {
  const words = new Map([
    ["allow", true],
    ["refuse", false],
  ]);
  const allowed = readSingles("--fetch-same-site", texts, {
    parse: (text) => words.get(text.toLowerCase()),
    expected: "allow or refuse",
    example: "/account/=refuse",
  });
  return rulesOf(allowed, true, rootPath);
}

/** Where CORS is looked after, and how; null where it is nowhere. */
function readCorsPolicies(options: Options): PathRules<CorsPolicy | null> | null {
  const { rootPath } = options;
  const patterns = readOrigins(options.corsOrigins);
  const grants = readGrants(options);
  if (patterns.size === 0) return null;
  const credentials = readPaths("--cors-credentials", options.corsCredentials, rootPath);
  const origins = rulesOf(patterns, null, rootPath);
  // What is equal has to be the same object, or a path would seem to have two policies.
  const made = new Map<string, CorsPolicy>();
  const policyOf = (
    set: OriginSet | null,
    withCredentials: boolean,
    granted: CorsGrants,
  ): CorsPolicy | null => {
    if (set === null) return null;
    refuseAnyWithCredentials(set, withCredentials, granted);
    const key = JSON.stringify([origins.all.indexOf(set), withCredentials, granted]);
    const policy = made.get(key) ?? new CorsPolicy(set, withCredentials, granted);
    made.set(key, policy);
    return policy;
  };
  const prefixes = new Set([...origins.prefixes, ...credentials.prefixes, ...grants.prefixes]);
  return new PathRules(
    policyOf(origins.fallback, credentials.fallback, grants.at(EVERYWHERE)),
    [...prefixes].map((prefix) => [
      prefix,
      policyOf(origins.valueOf(prefix), credentials.valueOf(prefix), grants.at(prefix)),
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
  for (const { member, prefix, value } of readListed(flag, texts)) {
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

interface GrantsByPath {
  /** Every prefix that one of the options names. */
  readonly prefixes: readonly string[];
  /** What holds for a prefix itself, each part by the longest one that is given for that part. */
  at(prefix: string): CorsGrants;
}

function readGrants(options: Options): GrantsByPath {
  const { rootPath } = options;
  const { corsMethods, corsRequestFields, corsExposedFields } = OPTIONS;
  const fieldName = { what: "a field's name", rootPath };
  const methods = readTokens(corsMethods, options.corsMethods, { what: "a method", rootPath });
  const requestFields = readTokens(corsRequestFields, options.corsRequestFields, fieldName);
  const exposedFields = readTokens(corsExposedFields, options.corsExposedFields, fieldName);
  const maxAges = readMaxAges(options.corsPreflightMaxAge, rootPath);
  return {
    prefixes: [methods, requestFields, exposedFields, maxAges].flatMap(({ prefixes }) => prefixes),
    at: (prefix) => ({
      methods: methods.valueOf(prefix).map(normalizedMethod),
      requestFields: requestFields.valueOf(prefix),
      exposedFields: exposedFields.valueOf(prefix),
      preflightMaxAgeMs: maxAges.valueOf(prefix),
    }),
  };
}

function readTokens(
  { flag, fallback }: { readonly flag: string; readonly fallback: readonly string[] },
  texts: readonly string[],
  { what, rootPath }: { readonly what: string; readonly rootPath: string },
): PathRules<readonly string[]> {
  const tokens: ByPrefix<string[]> = new Map();
  for (const { member, prefix, value } of readListed(flag, texts)) {
    if (!isToken(value)) throw refused(flag, member, `is not ${what}`);
    tokens.set(prefix, [...(tokens.get(prefix) ?? []), value]);
  }
  return rulesOf<readonly string[]>(tokens, fallback, rootPath);
}

/** In milliseconds; null for `off`. */
function readMaxAges(texts: readonly string[], rootPath: string): PathRules<number | null> {
  const parse = (text: string): number | null | undefined => {
    const parsed = parseValue(MAX_AGE, text);
    return parsed.kind === "value" ? (parsed.value as number | null) : undefined;
  };
  const ages = readSingles(MAX_AGE.flag, texts, {
    parse,
    expected: describeExpected(MAX_AGE),
    example: "/api/=5m",
  });
  return rulesOf(ages, parse(OPTIONS.corsPreflightMaxAge.fallback[0]) ?? null, rootPath);
}
