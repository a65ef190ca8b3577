/**
 * The parts of a request's target URI: path, query, percent-encoding (RFC 3986).
 *
 * Strings in which each character is one byte (latin-1); what encoding the bytes are in is for the
 * application to know.
 */

/**
 * Decodes percent-encoded octets (RFC 3986 section 2.1), once.
 *
 * A `%` that is not followed by two hexadecimal digits stays as it is, and so does what follows it:
 * browsers send such paths, and it cannot be taken for anything else.
 *
 * @param path each character is one byte
 * @returns each character is one byte; any byte can occur, also NUL and `/`
 */
export function percentDecode(path: string): string {
  let percent = path.indexOf("%");
  if (percent === -1) return path;
  let decoded = "";
  let copied = 0;
  while (percent !== -1) {
    const octet = octetAt(path, percent + 1);
    if (octet !== -1) {
      decoded += path.slice(copied, percent) + String.fromCharCode(octet);
      copied = percent + 3;
    }
    percent = path.indexOf("%", octet === -1 ? percent + 1 : copied);
  }
  return decoded + path.slice(copied);
}

/** Value of the two hexadecimal digits at `index`, or -1. */
function octetAt(text: string, index: number): number {
  if (index + 2 > text.length) return -1;
  const high = hexDigit(text.charCodeAt(index));
  const low = hexDigit(text.charCodeAt(index + 1));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

/** Value of an ASCII hexadecimal digit, or -1. */
export function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/**
 * Divides `path?query` at the first question mark (RFC 3986 section 3.4).
 *
 * @returns query without the question mark; "" where there is none
 */
export function splitQuery(pathAndQuery: string): { path: string; query: string } {
  const mark = pathAndQuery.indexOf("?");
  if (mark === -1) return { path: pathAndQuery, query: "" };
  return { path: pathAndQuery.slice(0, mark), query: pathAndQuery.slice(mark + 1) };
}
