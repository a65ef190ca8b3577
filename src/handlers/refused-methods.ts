/**
 * Methods that never reach the application.
 *
 * TRACE would send a client's own fields back, cookies included (RFC 9110 section 9.3.8); CONNECT
 * asks for a tunnel, which no WSGI application can make (section 9.3.6).
 */
import type { RequestHead } from "../http1/request-head.ts";
import type { Admission, AdmissionRule } from "./admission.ts";

/** RFC 9110 section 15.6.2: the method is not supported for any resource. */
const REFUSED: Admission = {
  answer: {
    status: 501,
    fields: "",
    detail: "this method is not served here",
    content: null,
  },
  fields: "",
  replacedFields: new Set(),
};

export class RefusedMethods implements AdmissionRule {
  readonly #methods: ReadonlySet<string>;

  /** @param methods case-sensitive (RFC 9110 section 9.1); CONNECT is refused whatever they are */
  constructor(methods: readonly string[]) {
    this.#methods = new Set([...methods, "CONNECT"]);
  }

  admit(head: RequestHead): Admission | null {
    return this.#methods.has(head.method) ? REFUSED : null;
  }
}
