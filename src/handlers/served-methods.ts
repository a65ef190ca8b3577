/**
 * Which methods reach the application, and what the server says of itself.
 *
 * TRACE would send a client's own fields back, cookies included (RFC 9110 section 9.3.8); CONNECT
 * asks for a tunnel, which no WSGI application can make (section 9.3.6).
 */
import type { RequestHead } from "../http1/request-head.ts";
import type { Admission, AdmissionRule, GatewayAnswer } from "./admission.ts";

/** What `OPTIONS *` names: an application may serve others, and need not serve all of these. */
const COMMON_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** RFC 9110 section 15.6.2: the method is not supported for any resource. */
const REFUSED = answeredBy({
  status: 501,
  fields: "",
  detail: "this method is not served here",
  content: null,
});

export class ServedMethods implements AdmissionRule {
  readonly #refused: ReadonlySet<string>;
  readonly #ofServer: Admission;

  /** @param refused case-sensitive (RFC 9110 section 9.1); CONNECT is refused whatever they are */
  constructor(refused: readonly string[]) {
    this.#refused = new Set([...refused, "CONNECT"]);
    const served = COMMON_METHODS.filter((method) => !this.#refused.has(method));
    this.#ofServer = answeredBy({
      status: 200,
      fields: `Allow: ${served.join(", ")}\r\n`,
      detail: null,
      content: Buffer.alloc(0),
    });
  }

  admit(head: RequestHead): Admission | null {
    if (this.#refused.has(head.method)) return REFUSED;
    // `OPTIONS *` asks about the server, not about anything in the application (section 9.3.7).
    return head.form === "asterisk" ? this.#ofServer : null;
  }
}

function answeredBy(answer: GatewayAnswer): Admission {
  return { answer, fields: "", replacedFields: new Set(), vary: [] };
}
