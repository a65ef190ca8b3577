/**
 * A target that names an https resource is served only to those who came over a secured connection,
 * or whom a trusted proxy says it of (RFC 9110 section 7.4): whoever can write on a connection that
 * is not secured must not be answered with the authority of the one that is.
 */
import type { RequestHead } from "../http1/request-head.ts";
import type { Admission, AdmissionRule } from "./admission.ts";
import type { Provenance } from "./provenance.ts";

/** RFC 9110 section 15.5.20: the request was directed at a server that cannot answer for it. */
const MISDIRECTED: Admission = {
  answer: {
    status: 421,
    fields: "",
    detail: "an https resource was asked for over a connection that is not secured",
    content: null,
  },
  fields: "",
  replacedFields: new Set(),
  vary: [],
};

export class SecuredTargets implements AdmissionRule {
  admit(head: RequestHead, provenance: Provenance): Admission | null {
    return head.scheme === "https" && provenance.scheme !== "https" ? MISDIRECTED : null;
  }
}
