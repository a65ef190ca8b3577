/**
 * Field names and values, whatever version of HTTP carries them: tokens, lists, quoted strings, and
 * which fields have a single value (RFC 9110 section 5).
 *
 * Works on strings in which each character is one byte. Does not know how a field line is
 * delimited.
 */

/**
 * Which bytes a token may hold: 1 for `tchar` (RFC 9110 section 5.6.2), indexed by the byte.
 */
export const TCHAR: Uint8Array = /* @__PURE__ */ tcharTable();

function tcharTable(): Uint8Array {
  const table = new Uint8Array(256);
  const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (const char of `!#$%&'*+-.^_\`|~${alphanumeric}`) table[char.charCodeAt(0)] = 1;
  return table;
}

/** Whether the text is a `token`: at least one character, and only `tchar`s. */
export function isToken(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0xff || TCHAR[code] === 0) return false;
  }
  return text.length > 0;
}

/**
 * Fields of requests that are defined to have one value. A second line of the same name has no
 * meaning that two recipients would agree on, so the request is refused (RFC 9110 section 5.3).
 *
 * If-Modified-Since and If-Unmodified-Since are not among them: several members must be ignored
 * (RFC 9110 sections 13.1.3 and 13.1.4), which the application does, because a list is no date.
 */
export const SINGLETON_FIELDS: readonly string[] = [
  "authorization",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "date",
  "from",
  "host",
  "if-range",
  "max-forwards",
  "origin",
  "proxy-authorization",
  "range",
  "referer",
  "user-agent",
];

/**
 * The separator with which the lines of a repeated field are combined: a comma (RFC 9110 section
 * 5.3), but a semicolon for Cookie, whose syntax knows no comma (RFC 6265 section 5.4, RFC 9113
 * section 8.2.3).
 */
export function fieldSeparator(lowerCaseName: string): ", " | "; " {
  return lowerCaseName === "cookie" ? "; " : ", ";
}

/**
 * The members of a list value, `#element` (RFC 9110 section 5.6.1): divided at commas that are not
 * inside a quoted string, white space around them removed, empty members left out, as a recipient
 * must.
 *
 * A quoted string that is not closed reaches to the end of the value.
 *
 * @bound O(length); as many members as there are commas, which the limit on the head bounds
 */
export function listMembers(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  while (start <= value.length) {
    const end = memberEnd(value, start);
    const member = trimOws(value.slice(start, end));
    if (member !== "") members.push(member);
    start = end + 1;
  }
  return members;
}

/** Index of the comma that ends the member at `start`, or the value's length. */
function memberEnd(value: string, start: number): number {
  let quoted = false;
  let index = start;
  for (; index < value.length; index++) {
    const char = value[index];
    if (char === '"') quoted = !quoted;
    else if (char === "\\" && quoted) index++;
    else if (char === "," && !quoted) break;
  }
  return Math.min(index, value.length);
}

/** Removes optional white space, which is spaces and tabs only (RFC 9110 section 5.6.3). */
export function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
