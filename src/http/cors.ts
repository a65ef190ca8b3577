/**
 * Cross-origin resource sharing, the server's side: which pages of other origins may read answers,
 * and which requests they may make that no form could (Fetch, "CORS protocol").
 *
 * Decides by values; which path a policy is for, and who else may answer, is not known here.
 */
import { invariant } from "../base/errors.ts";
import { isToken, listMembers } from "./fields.ts";
import type { OriginSet } from "./origin.ts";

/**
 * Methods that pages may always use, as forms do (Fetch, "CORS-safelisted method"). No answer to a
 * preflight can forbid them.
 */
const SAFELISTED_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST"]);

/** Methods that pages can only send in capitals (Fetch, "normalize a method"); PATCH is not one. */
const NORMALIZED_METHODS: ReadonlySet<string> = new Set([
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "POST",
  "PUT",
]);

/** Everything that a server says by the CORS protocol; lower-case. */
export const CORS_ANSWER_FIELDS: ReadonlySet<string> = new Set([
  "access-control-allow-credentials",
  "access-control-allow-headers",
  "access-control-allow-methods",
  "access-control-allow-origin",
  "access-control-allow-private-network",
  "access-control-expose-headers",
  "access-control-max-age",
]);

/** What a preflight asks for, and so what the answer to it rests on. */
export const PREFLIGHT_FIELDS = [
  "Origin",
  "Access-Control-Request-Method",
  "Access-Control-Request-Headers",
];

/**
 * Authentication that a browser adds by itself, as it adds cookies; all other schemes are a
 * script's doing.
 */
const AMBIENT_AUTHORIZATION = /^(?:basic|digest|negotiate|ntlm)(?: |$)/i;

/** What holds for every allowed origin. */
export interface CorsGrants {
  /** Case-sensitive; `*` for any. */
  readonly methods: readonly string[];
  /** Names of request fields, in any case; `*` for any but Authorization. */
  readonly requestFields: readonly string[];
  /** Names of answer fields that a page may read beside those that it always may; `*` for all. */
  readonly exposedFields: readonly string[];
  /** How long a browser may remember the answer to a preflight; null says nothing of it. */
  readonly preflightMaxAgeMs: number | null;
}

/** A request that checks if the CORS protocol is understood (Fetch, "CORS-preflight request"). */
export interface Preflight {
  readonly origin: string;
  readonly method: string;
  /** The value of Access-Control-Request-Headers; null where it is not there. */
  readonly requestFields: string | null;
}

/** Lines for the answer, or one line for the error page. */
export type PreflightVerdict =
  | { readonly kind: "allowed"; readonly fields: string }
  | { readonly kind: "refused"; readonly why: string };

/** What of a request that is no preflight decides whether the answer can be read. */
export interface CrossOriginRequest {
  readonly method: string;
  readonly origin: string | null;
  readonly hasCookie: boolean;
  readonly authorization: string | null;
}

export class CorsPolicy {
  /** Whether the answer is another one for another origin. */
  readonly variesByOrigin: boolean;
  readonly #origins: OriginSet;
  readonly #credentials: boolean;
  readonly #grants: CorsGrants;
  readonly #requestFields: ReadonlySet<string>;
  readonly #exposeLine: string;

  /** @param credentials cookies and the like may be sent; not for every origin there is */
  constructor(origins: OriginSet, credentials: boolean, grants: CorsGrants) {
    // Fetch, "CORS protocol and credentials": a browser would refuse the answer, and an answer that
    // named each origin instead would give every site what only the user's own may have.
    invariant(!(origins.any && credentials), "no policy allows credentials to every origin");
    this.variesByOrigin = !origins.any;
    this.#origins = origins;
    this.#credentials = credentials;
    this.#grants = grants;
    this.#requestFields = new Set(grants.requestFields.map((name) => name.toLowerCase()));
    const exposed = grants.exposedFields.join(", ");
    this.#exposeLine = exposed === "" ? "" : `Access-Control-Expose-Headers: ${exposed}\r\n`;
  }

  /**
   * Field lines for the answer to a request that is no preflight (Fetch, "HTTP responses").
   *
   * Where every origin is allowed they are on every answer, whoever asks, so that a cache can give
   * one to all (Fetch, "CORS protocol and HTTP caches").
   *
   * @param origin the value of Origin; null where it is not there
   */
  answerFields(origin: string | null): string {
    const lines = this.#originLines(origin);
    return lines === "" ? "" : lines + this.#exposeLine;
  }

  /**
   * Answers a preflight. What is asked for is allowed as a whole or not at all.
   *
   * Access to private networks is never granted (`Access-Control-Request-Private-Network`): a page
   * of the internet that reaches into a network is a decision for its user, whom browsers ask now.
   *
   * @see Fetch, "CORS-preflight fetch", for what a browser makes of it
   */
  preflight({ origin, method, requestFields }: Preflight): PreflightVerdict {
    const originLines = this.#originLines(origin);
    if (originLines === "") return refused("this origin may not read what is here");
    if (!isToken(method) || !this.#allowsMethod(method)) {
      return refused("pages of other origins may not use this method here");
    }
    const asked = requestFields === null ? [] : listMembers(requestFields);
    if (!asked.every((name) => this.#allowsRequestField(name))) {
      return refused("pages of other origins may not send one of these fields here");
    }
    const { methods, requestFields: granted, preflightMaxAgeMs } = this.#grants;
    const anyMethod = methods.includes("*");
    const anyField = this.#requestFields.has("*");
    const maxAge = preflightMaxAgeMs === null ? null : Math.floor(preflightMaxAgeMs / 1000);
    return {
      kind: "allowed",
      fields:
        originLines +
        line("Access-Control-Allow-Methods", anyMethod ? method : methods.join(", ")) +
        // A `*` would be a mere name where credentials are sent, so what was asked for is named.
        line("Access-Control-Allow-Headers", (anyField ? asked : granted).join(", ")) +
        line("Access-Control-Max-Age", maxAge === null ? "" : String(maxAge)),
    };
  }

  /**
   * Whether a browser would let the page that made this request read the answer, as far as a server
   * can tell: a cookie, or a password that the browser added, is what the page may have no use of
   * unless credentials are allowed.
   */
  allows({ method, origin, hasCookie, authorization }: CrossOriginRequest): boolean {
    if (origin === null || this.#originLines(origin) === "") return false;
    if (!this.#allowsMethod(method)) return false;
    if (this.#credentials) return true;
    if (hasCookie) return false;
    if (authorization === null) return true;
    return this.#requestFields.has("authorization") && !AMBIENT_AUTHORIZATION.test(authorization);
  }

  #originLines(origin: string | null): string {
    if (this.#origins.any) return line("Access-Control-Allow-Origin", "*");
    if (origin === null || !this.#origins.has(origin)) return "";
    const credentials = this.#credentials ? "true" : "";
    return (
      line("Access-Control-Allow-Origin", origin) +
      line("Access-Control-Allow-Credentials", credentials)
    );
  }

  #allowsMethod(method: string): boolean {
    const { methods } = this.#grants;
    return SAFELISTED_METHODS.has(method) || methods.includes(method) || methods.includes("*");
  }

  #allowsRequestField(name: string): boolean {
    if (!isToken(name)) return false;
    const lowerCase = name.toLowerCase();
    if (this.#requestFields.has(lowerCase)) return lowerCase !== "*";
    // Fetch, "CORS non-wildcard request-header name".
    return this.#requestFields.has("*") && lowerCase !== "authorization";
  }
}

/** The method that a page sends when its script says this one. */
export function normalizedMethod(method: string): string {
  const capitals = method.toUpperCase();
  return NORMALIZED_METHODS.has(capitals) ? capitals : method;
}

function refused(why: string): PreflightVerdict {
  return { kind: "refused", why };
}

/** A field line, or nothing for a value that is empty. */
function line(name: string, value: string): string {
  return value === "" ? "" : `${name}: ${value}\r\n`;
}
