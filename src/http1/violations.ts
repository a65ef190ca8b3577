/**
 * Everything a client can do wrong in HTTP/1.1, in one table: the code, the status it is answered
 * with, the clause that was broken, and a sentence for the log.
 *
 * The connection is closed after each of them: behind a request that was not understood there is
 * no place at which the next one surely begins (RFC 9112 section 9.6).
 */
import { ProtocolError } from "../base/errors.ts";

type Violation = readonly [status: number, section: string, message: string];

export const VIOLATIONS = {
  TLS_ON_PLAIN_PORT: [
    400,
    "RFC 9112 section 3",
    "a TLS handshake on a port that speaks plain HTTP",
  ],
  EMPTY_LINES: [400, "RFC 9112 section 2.2", "too many empty lines before the request line"],
  BARE_CR: [400, "RFC 9112 section 2.2", "CR without LF"],
  BARE_LF: [400, "RFC 9112 section 2.2", "LF without CR"],
  METHOD_INVALID: [400, "RFC 9112 section 3.1", "the method is not a token, or no SP follows it"],
  METHOD_TOO_LONG: [501, "RFC 9112 section 3", "the method is longer than any that is known"],
  TARGET_INVALID: [400, "RFC 9112 section 3.2", "a byte that no request-target can hold"],
  TARGET_FORM: [
    400,
    "RFC 9112 section 3.2",
    "a form of request-target that this method does not take",
  ],
  TARGET_URI: [400, "RFC 9110 section 4.2", "an absolute-form that is no http or https URI"],
  REQUEST_LINE_TOO_LONG: [414, "RFC 9112 section 3", "the request line is over its limit"],
  VERSION_INVALID: [
    400,
    "RFC 9112 section 2.3",
    "the request line does not end in HTTP/DIGIT.DIGIT",
  ],
  VERSION_UNSUPPORTED: [
    505,
    "RFC 9110 section 15.6.6",
    "only HTTP/1.1 and HTTP/1.0 are served here",
  ],
  HEAD_TOO_LARGE: [
    431,
    "RFC 6585 section 5",
    "the request line and header section are over their limit",
  ],
  FIELD_TOO_LARGE: [431, "RFC 6585 section 5", "a field line is over its limit"],
  TOO_MANY_FIELDS: [431, "RFC 6585 section 5", "more field lines than allowed"],
  HEAD_INCOMPLETE: [
    400,
    "RFC 9112 section 8",
    "the client stopped sending before the head was complete",
  ],
  FIELD_NAME_INVALID: [
    400,
    "RFC 9112 section 5",
    "the field name is not a token followed by a colon",
  ],
  SPACE_BEFORE_COLON: [400, "RFC 9112 section 5.1", "white space between field name and colon"],
  SPACE_BEFORE_FIELDS: [400, "RFC 9112 section 2.2", "white space before the first field line"],
  OBS_FOLD: [400, "RFC 9112 section 5.2", "a field value folded over several lines"],
  FIELD_VALUE_INVALID: [400, "RFC 9110 section 5.5", "a control character in a field value"],
  FIELD_REPEATED: [400, "RFC 9110 section 5.3", "a field of a single value on several lines"],
  HOST_MISSING: [400, "RFC 9112 section 3.2", "an HTTP/1.1 request without Host"],
  HOST_REPEATED: [400, "RFC 9112 section 3.2", "more than one Host field line"],
  HOST_INVALID: [400, "RFC 9112 section 3.2", "Host is not a host with an optional port"],
  EXPECTATION_UNKNOWN: [417, "RFC 9110 section 10.1.1", "an expectation other than 100-continue"],
  CONTENT_LENGTH_REPEATED: [400, "RFC 9112 section 6.3", "more than one Content-Length"],
  CONTENT_LENGTH_INVALID: [
    400,
    "RFC 9110 section 8.6",
    "Content-Length is not a decimal number in range",
  ],
  FRAMING_CONFLICT: [400, "RFC 9112 section 6.3", "both Transfer-Encoding and Content-Length"],
  TRANSFER_ENCODING_ON_1_0: [
    400,
    "RFC 9112 section 6.1",
    "Transfer-Encoding in an HTTP/1.0 request",
  ],
  TRANSFER_ENCODING_INVALID: [
    400,
    "RFC 9112 section 6.3",
    "Transfer-Encoding does not end in one `chunked`",
  ],
  CODING_UNSUPPORTED: [501, "RFC 9112 section 6.1", "a transfer coding other than chunked"],
  CONTENT_TOO_LARGE: [413, "RFC 9110 section 15.5.14", "the content is over its limit"],
  CONTENT_INCOMPLETE: [
    400,
    "RFC 9112 section 8",
    "the client stopped sending before the content was complete",
  ],
  CHUNK_SIZE_INVALID: [
    400,
    "RFC 9112 section 7.1",
    "the chunk size is not a hexadecimal number in range",
  ],
  CHUNK_EXTENSION_INVALID: [400, "RFC 9112 section 7.1.1", "a malformed chunk extension"],
  CHUNK_EXTENSION_TOO_LARGE: [
    400,
    "RFC 9112 section 7.1.1",
    "chunk extensions are over their limit",
  ],
  CHUNK_NOT_ENDED: [400, "RFC 9112 section 7.1", "no CRLF where the chunk data should end"],
  TRAILER_INVALID: [400, "RFC 9112 section 7.1.2", "a malformed trailer field line"],
  TRAILER_TOO_LARGE: [431, "RFC 6585 section 5", "the trailer section is over its limit"],
} as const satisfies Record<string, Violation>;

export type ViolationCode = keyof typeof VIOLATIONS;

/**
 * The error to throw for a violation.
 *
 * @param where what it was found in, where the table's sentence does not say it: a token, since
 *   clients and logs get to see it
 */
export function violation(code: ViolationCode, where: string | null = null): ProtocolError {
  const [status, section, sentence] = VIOLATIONS[code];
  return new ProtocolError(code, status, section, where ? `${sentence}: ${where}` : sentence);
}
