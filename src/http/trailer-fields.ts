/**
 * Which fields mean anything behind a content. A trailer section comes when everything has been
 * decided that a head decides: where the message ends, who it is for, who sent it, whether and how
 * it is to be carried out. A field that speaks of these is a mistake there, or an attempt to pass
 * by whoever looked at the head (RFC 9110 section 6.5.1).
 *
 * Knows names only, not how a field line is delimited.
 */

/** Fields of requests that are dropped from a trailer section, with the clause of each. */
export const NO_TRAILER_FIELDS: ReadonlyMap<string, string> = new Map([
  // Framing, and what is about the connection.
  ["connection", "RFC 9110 section 7.6.1"],
  ["content-length", "RFC 9110 section 8.6"],
  ["keep-alive", "RFC 9110 section 7.6.1"],
  ["te", "RFC 9110 section 10.1.4"],
  ["trailer", "RFC 9110 section 6.6.2"],
  ["transfer-encoding", "RFC 9112 section 6.1"],
  ["upgrade", "RFC 9110 section 7.8"],
  // Routing, and what is said on the way.
  ["forwarded", "RFC 7239 section 4"],
  ["host", "RFC 9110 section 7.2"],
  ["max-forwards", "RFC 9110 section 7.6.2"],
  ["via", "RFC 9110 section 7.6.3"],
  ["x-real-ip", "RFC 7239 section 1"],
  // Authentication.
  ["authorization", "RFC 9110 section 11.6.2"],
  ["cookie", "RFC 6265 section 5.4"],
  // Request modifiers: controls, content negotiation, context.
  ["accept", "RFC 9110 section 12.5.1"],
  ["accept-charset", "RFC 9110 section 12.5.2"],
  ["accept-encoding", "RFC 9110 section 12.5.3"],
  ["accept-language", "RFC 9110 section 12.5.4"],
  ["cache-control", "RFC 9111 section 5.2"],
  ["expect", "RFC 9110 section 10.1.1"],
  ["from", "RFC 9110 section 10.1.2"],
  ["origin", "RFC 6454 section 7"],
  ["pragma", "RFC 9111 section 5.4"],
  ["range", "RFC 9110 section 14.2"],
  ["referer", "RFC 9110 section 10.1.3"],
  ["user-agent", "RFC 9110 section 10.1.5"],
  // How the content is to be read.
  ["content-disposition", "RFC 6266 section 4"],
  ["content-encoding", "RFC 9110 section 8.4"],
  ["content-language", "RFC 9110 section 8.5"],
  ["content-location", "RFC 9110 section 8.7"],
  ["content-range", "RFC 9110 section 14.4"],
  ["content-type", "RFC 9110 section 8.3"],
]);

/** Whole families of such fields, by what their names begin with. */
export const NO_TRAILER_PREFIXES: ReadonlyMap<string, string> = new Map([
  ["access-control-", "Fetch standard, section 3.3.2"],
  ["if-", "RFC 9110 section 13.1"],
  ["proxy-", "RFC 9110 section 11.7"],
  ["sec-", "Fetch standard, section 2.2.2"],
  ["x-forwarded-", "RFC 7239 section 1"],
]);

/**
 * Whether a trailer field is handed on. One whose name has an underscore is not, as in a header
 * section: to many applications `content_length` and `content-length` are one name.
 *
 * @param name lower-case
 */
export function isTrailerField(name: string): boolean {
  if (NO_TRAILER_FIELDS.has(name) || name.includes("_")) return false;
  for (const prefix of NO_TRAILER_PREFIXES.keys()) if (name.startsWith(prefix)) return false;
  return true;
}
