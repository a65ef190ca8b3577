/**
 * The CORS protocol in front of the application: answers preflights, and puts on every other answer
 * what lets pages of allowed origins read it.
 *
 * Where a policy holds it is the only one: what the application says by the protocol is left out,
 * because two answers to "who may read this" are none. Elsewhere nothing is touched.
 */
import {
  CORS_ANSWER_FIELDS,
  type CorsPolicy,
  PREFLIGHT_FIELDS,
  type PreflightVerdict,
} from "../http/cors.ts";
import type { PathRules } from "../http/path-rules.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { Admission, AdmissionRule, GatewayAnswer } from "./admission.ts";

const NO_CONTENT = Buffer.alloc(0);
const VARY_BY_ORIGIN = ["Origin"];
const VARY_BY_NOTHING: readonly string[] = [];
const DOUBTFUL_PATH: PreflightVerdict = {
  kind: "refused",
  why: "this path can be read in more than one way",
};

export class CorsRule implements AdmissionRule {
  readonly #policies: PathRules<CorsPolicy | null>;

  /** @param policies null where the application is left alone */
  constructor(policies: PathRules<CorsPolicy | null>) {
    this.#policies = policies;
  }

  admit(head: RequestHead): Admission | null {
    const policy = this.#policyAt(head);
    if (policy === null) return null;
    const { section } = head;
    const origin = section.value("origin");
    const method = section.value("access-control-request-method");
    if (head.method === "OPTIONS" && origin !== null && method !== null) {
      const requestFields = section.value("access-control-request-headers");
      const verdict =
        policy === "doubtful" ? DOUBTFUL_PATH : policy.preflight({ origin, method, requestFields });
      return answered(verdict);
    }
    const isFixed = policy !== "doubtful" && !policy.variesByOrigin;
    return {
      answer: null,
      fields: policy === "doubtful" ? "" : policy.answerFields(origin),
      replacedFields: CORS_ANSWER_FIELDS,
      vary: isFixed ? VARY_BY_NOTHING : VARY_BY_ORIGIN,
    };
  }

  /** Whether the page that made this request may read the answer. */
  allows(head: RequestHead): boolean {
    const policy = this.#policyAt(head);
    if (policy === null || policy === "doubtful") return false;
    const { section } = head;
    return policy.allows({
      method: head.method,
      origin: section.value("origin"),
      hasCookie: section.names.includes("cookie"),
      authorization: section.value("authorization"),
    });
  }

  /** What holds at a path that has two readings with two policies: nothing is allowed there. */
  #policyAt({ path }: RequestHead): CorsPolicy | "doubtful" | null {
    const [policy = null, ...others] = this.#policies.valuesAt(path);
    return others.length > 0 ? "doubtful" : policy;
  }
}

/**
 * A browser takes any answer without the allowing fields for a no. The status and the page are for
 * whoever looks for the reason in the browser's tools.
 */
function answered(verdict: PreflightVerdict): Admission {
  const answer: GatewayAnswer =
    verdict.kind === "allowed"
      ? { status: 204, fields: "", detail: null, content: NO_CONTENT }
      : { status: 403, fields: "", detail: verdict.why, content: null };
  return {
    answer,
    fields: verdict.kind === "allowed" ? verdict.fields : "",
    replacedFields: CORS_ANSWER_FIELDS,
    vary: PREFLIGHT_FIELDS,
  };
}
