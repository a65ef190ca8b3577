/**
 * Refuses requests about whose origin a proxy's fields contradict each other.
 *
 * A proxy that writes X-Forwarded-For mostly hands a client's `Forwarded` on, and the other way
 * round. To prefer either kind lets the clients of some proxies forge it; to believe none hides
 * them. So a request in which the two differ has no origin that can be named (400).
 */
import type { RequestHead } from "../http1/request-head.ts";
import type { Admission, AdmissionRule } from "./admission.ts";
import type { Provenance } from "./provenance.ts";

const REFUSED: Admission = {
  answer: {
    status: 400,
    fields: "",
    detail:
      "Forwarded and X-Forwarded fields contradict each other; --forwarded-fields can name the " +
      "kind that the proxy writes",
    content: null,
  },
  fields: "",
  replacedFields: new Set(),
  vary: [],
};

export class RefusedContradictions implements AdmissionRule {
  admit(_head: RequestHead, provenance: Provenance): Admission | null {
    return provenance.contradictory ? REFUSED : null;
  }
}
