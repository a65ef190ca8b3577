/**
 * `--livez` and `--readyz`: the gateway says itself how it is. No worker is asked, so that the
 * answer comes also while all of them are busy.
 *
 * Asked before every other rule: a kubelet or a load balancer asks by address, and often.
 */
import type { RequestHead } from "../http1/request-head.ts";
import type { Admission, AdmissionRule } from "./admission.ts";

/** Each begins with "/"; null for none. */
export interface HealthPaths {
  readonly livez: string | null;
  readonly readyz: string | null;
}

const OK = answered(200, "ok");
const METHOD_NOT_ALLOWED: Admission = {
  answer: {
    status: 405,
    fields: "Allow: GET, HEAD\r\n",
    detail: "the gateway answers here itself, to GET and HEAD",
    content: null,
    isHealthAnswer: true,
  },
  fields: "",
  replacedFields: new Set(),
  vary: [],
};

export class HealthRule implements AdmissionRule {
  readonly #paths: HealthPaths;
  readonly #whyNotReady: () => string | null;

  /**
   * @param whyNotReady a word or two on why no requests should be sent here; null where they should
   */
  constructor(paths: HealthPaths, whyNotReady: () => string | null) {
    this.#paths = paths;
    this.#whyNotReady = whyNotReady;
  }

  /** The path has to be the very same, whatever the query. */
  admit({ path, method }: RequestHead): Admission | null {
    const { livez, readyz } = this.#paths;
    if (path !== livez && path !== readyz) return null;
    if (method !== "GET" && method !== "HEAD") return METHOD_NOT_ALLOWED;
    const why = path === readyz ? this.#whyNotReady() : null;
    return why === null ? OK : answered(503, why);
  }
}

function answered(status: number, text: string): Admission {
  const answer = {
    status,
    fields: "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n",
    detail: null,
    content: Buffer.from(`${text}\n`),
    isHealthAnswer: true,
  } as const;
  return { answer, fields: "", replacedFields: new Set(), vary: [] };
}
