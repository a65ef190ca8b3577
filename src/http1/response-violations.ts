/**
 * What a server can do wrong in its answers, beside what `violations.ts` says of both directions:
 * the code, the clause that was broken, and a sentence.
 *
 * Behind such an answer nothing on its connection can be believed, so the connection is closed.
 */
import { ProtocolError } from "../base/errors.ts";

type Violation = readonly [section: string, message: string];

const RESPONSE_VIOLATIONS = {
  STATUS_LINE_INVALID: [
    "RFC 9112 section 4",
    "the answer does not begin with HTTP/1.x, a status code and a reason phrase",
  ],
  VERSION_UNSUPPORTED: ["RFC 9112 section 2.3", "the answer is of another version than HTTP/1"],
  BARE_LF: ["RFC 9112 section 2.2", "LF without CR"],
  HEAD_TOO_LARGE: ["RFC 9112 section 5", "the answer's head is over its limit"],
  TOO_MANY_FIELDS: ["RFC 9112 section 5", "the answer has more field lines than allowed"],
  HEAD_INCOMPLETE: ["RFC 9112 section 8", "the connection ended within the answer's head"],
  FIELD_LINE_INVALID: ["RFC 9112 section 5", "a field line that is no name, colon and value"],
  SPACE_BEFORE_FIELDS: ["RFC 9112 section 2.2", "white space before the first field line"],
  TRANSFER_ENCODING_ON_1_0: ["RFC 9112 section 6.1", "Transfer-Encoding in an answer of HTTP/1.0"],
  CONTENT_LENGTH_REPEATED: ["RFC 9112 section 6.3", "more than one Content-Length"],
  CONTENT_TOO_LARGE: ["RFC 9112 section 6", "the answer's content is over its limit"],
  CONTENT_INCOMPLETE: ["RFC 9112 section 8", "the connection ended within the answer's content"],
  TOO_MANY_INTERIM: ["RFC 9110 section 15.2", "more interim answers than allowed"],
  UPGRADE_UNASKED: ["RFC 9110 section 7.8", "a change of protocol that nobody asked for"],
  UNSOLICITED: ["RFC 9112 section 9.2", "bytes that answer no request"],
  NO_RESPONSE: ["RFC 9112 section 9.5", "the connection ended without an answer"],
} as const satisfies Record<string, Violation>;

export type ResponseViolationCode = keyof typeof RESPONSE_VIOLATIONS;

/** What a gateway would answer with in the place of such a response (RFC 9110 section 15.6.3). */
const BAD_GATEWAY = 502;

/** The error to throw for what a server did wrong; its status is always 502. */
export function badResponse(code: ResponseViolationCode): ProtocolError {
  const [section, sentence] = RESPONSE_VIOLATIONS[code];
  return new ProtocolError(code, BAD_GATEWAY, section, sentence);
}

/**
 * A rule that holds in both directions was broken by a server: the same code, in the words of this
 * table where it has any.
 */
export function asBadResponse({ code, section, message }: ProtocolError): ProtocolError {
  return isResponseViolation(code)
    ? badResponse(code)
    : new ProtocolError(code, BAD_GATEWAY, section, message);
}

function isResponseViolation(code: string): code is ResponseViolationCode {
  return Object.hasOwn(RESPONSE_VIOLATIONS, code);
}
