/**
 * What stands in front of the application: rules that look at a request's head, before its content
 * is taken. A rule may answer in the application's place, and may add fields to the answer, whoever
 * gives it.
 */
import type { RequestHead } from "../http1/request-head.ts";
import type { Provenance } from "./provenance.ts";

/** An answer of the gateway itself. */
export interface GatewayAnswer {
  readonly status: number;
  /** Field lines, each with its CRLF; none that frames the content. */
  readonly fields: string;
  /** One line for the error page; null for none. */
  readonly detail: string | null;
  /** null: the error page of the status. Empty where there is to be none. */
  readonly content: Buffer | null;
  /** It says how the gateway is, to those who ask so often that the access log leaves it out. */
  readonly isHealthAnswer?: true;
}

export interface Admission {
  /** null: the request goes on. */
  readonly answer: GatewayAnswer | null;
  /** Field lines, each with its CRLF, that every answer to this request gets; "" for none. */
  readonly fields: string;
  /** Lower-case names; lines of these names that the application wrote are left out. */
  readonly replacedFields: ReadonlySet<string>;
  /** Names of request fields that the answer rests on; its Vary gets them beside its own. */
  readonly vary: readonly string[];
}

export interface AdmissionRule {
  /**
   * Called once for each request, when its head has arrived.
   *
   * @returns null where the rule has nothing to say
   */
  admit(head: RequestHead, provenance: Provenance): Admission | null;
}

/**
 * What all rules together say: the first that answers decides, and no later one is asked; what the
 * rules up to there add is added.
 *
 * @returns null where none has anything to say
 */
export function admit(
  rules: readonly AdmissionRule[],
  head: RequestHead,
  provenance: Provenance,
): Admission | null {
  let combined: Admission | null = null;
  for (let index = 0; index < rules.length; index++) {
    const admission = (rules[index] as AdmissionRule).admit(head, provenance);
    if (admission === null) continue;
    combined = combined === null ? admission : combine(combined, admission);
    if (admission.answer !== null) break;
  }
  return combined;
}

function combine(first: Admission, second: Admission): Admission {
  return {
    answer: second.answer,
    fields: first.fields + second.fields,
    replacedFields: new Set([...first.replacedFields, ...second.replacedFields]),
    vary: [...first.vary, ...second.vary],
  };
}
