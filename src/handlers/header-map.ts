/**
 * What becomes of fields whose names have an underscore. CGI makes `HTTP_X_USER` of `X-User` and of
 * `X_User` (RFC 3875 section 4.1.18), so that the application cannot tell what a proxy checked from
 * what the client slipped past it.
 */
import type { RequestHead } from "../http1/request-head.ts";
import type { Admission, AdmissionRule } from "./admission.ts";
import { isForwardingField } from "./forwarding-fields.ts";

/**
 * `drop`: the application does not see them. `refuse`: 400. `dangerous`: they are combined with the
 * field of the same name with hyphens.
 */
export type HeaderMap = "drop" | "refuse" | "dangerous";

/** Hyphenated names that a look-alike is never combined with, whatever the operator says. */
const GUARDED_NAMES: ReadonlySet<string> = new Set([
  "access-control-request-headers",
  "access-control-request-method",
  "content-length",
  "content-type",
  "transfer-encoding",
]);

/**
 * Whether the application may see a field of this name under `dangerous`. Never what frames the
 * content, what only proxies may say, or what browsers guard (`Sec-...`).
 */
export function isCombinable(lowerCaseName: string): boolean {
  const hyphenated = lowerCaseName.replaceAll("_", "-");
  if (GUARDED_NAMES.has(hyphenated) || hyphenated.startsWith("sec-")) return false;
  return !isForwardingField(hyphenated);
}

const REFUSED: Admission = {
  answer: {
    status: 400,
    fields: "",
    detail: "a field name with an underscore is not taken here",
    content: null,
  },
  fields: "",
  replacedFields: new Set(),
  vary: [],
};

/** `refuse`: a request with such a field is answered 400. */
export class RefusedUnderscores implements AdmissionRule {
  admit(head: RequestHead): Admission | null {
    const { names } = head.section;
    for (let index = 0; index < names.length; index++) {
      if ((names[index] as string).includes("_")) return REFUSED;
    }
    return null;
  }
}
