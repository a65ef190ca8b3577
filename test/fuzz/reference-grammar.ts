/**
 * The grammar of RFC 9112, RFC 9110 and RFC 3986 as regular expressions, rule by rule and by the
 * names that the RFCs give them. Slow and plain on purpose: {@link readReference} is made of it,
 * and what the receiver makes of any bytes is compared with that.
 *
 * Shares nothing with `src/`. Strings hold one byte a character.
 */

// RFC 5234 and RFC 9110 section 5.6.
const HEXDIG = "[0-9A-Fa-f]";
const tchar = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const token = `${tchar}+`;
const OWS = "[ \\t]*";
const BWS = OWS;
const obsText = "\\x80-\\xff";
const quotedPair = `\\\\[\\t \\x21-\\x7e${obsText}]`;
const qdtext = `[\\t \\x21\\x23-\\x5b\\x5d-\\x7e${obsText}]`;
const quotedString = `"(?:${qdtext}|${quotedPair})*"`;

// RFC 9110 section 5.5; RFC 9112 section 5.
const fieldVchar = `[\\x21-\\x7e${obsText}]`;
const fieldBytes = `[\\t \\x21-\\x7e${obsText}]*`;
const fieldValue = `(?:${fieldVchar}(?:${fieldBytes}${fieldVchar})?)?`;
const fieldLine = `(${token}):${OWS}(${fieldValue})${OWS}\\r\\n`;

// RFC 9112 section 3, with the bytes that a target may hold widened: all but controls, SP and "#".
const targetByte = `[\\x21\\x22\\x24-\\x7e${obsText}]`;
const requestLine = `(${token}) (${targetByte}+) HTTP/([0-9])\\.([0-9])\\r\\n`;

// RFC 9112 sections 4 and 5.2. An empty reason has its space; a status code has no leading zero.
const statusLine = `HTTP/1\\.([0-9]) ([1-9][0-9]{2}) (${fieldBytes})\\r\\n`;
const foldedLine = `[ \\t]${OWS}(${fieldValue})${OWS}\\r\\n`;

// RFC 9112 section 7.1.
const chunkExt = `(?:${BWS};${BWS}${token}(?:${BWS}=${BWS}(?:${token}|${quotedString}))?)*`;
const chunkLine = `(${HEXDIG}+)(${chunkExt})\\r\\n`;

// RFC 3986 section 3.2.
const unreserved = "[-A-Za-z0-9._~]";
const subDelims = "[!$&'()*+,;=]";
const regName = `(?:${unreserved}|%${HEXDIG}{2}|${subDelims})*`;
const decOctet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const ipv4Address = `${decOctet}(?:\\.${decOctet}){3}`;
const h16 = `${HEXDIG}{1,4}`;
const ls32 = `(?:${h16}:${h16}|${ipv4Address})`;
const ipv6Address = [
  `(?:${h16}:){6}${ls32}`,
  `::(?:${h16}:){5}${ls32}`,
  `(?:${h16})?::(?:${h16}:){4}${ls32}`,
  `(?:(?:${h16}:){0,1}${h16})?::(?:${h16}:){3}${ls32}`,
  `(?:(?:${h16}:){0,2}${h16})?::(?:${h16}:){2}${ls32}`,
  `(?:(?:${h16}:){0,3}${h16})?::${h16}:${ls32}`,
  `(?:(?:${h16}:){0,4}${h16})?::${ls32}`,
  `(?:(?:${h16}:){0,5}${h16})?::${h16}`,
  `(?:(?:${h16}:){0,6}${h16})?::`,
].join("|");
const ipvFuture = `[vV]${HEXDIG}+\\.(?:${unreserved}|${subDelims}|:)+`;
const ipLiteral = `\\[(?:${ipv6Address}|${ipvFuture})\\]`;
const uriHost = `(?:${ipLiteral}|${ipv4Address}|${regName})`;
const authority = `(${uriHost})(?::([0-9]*))?`;

// RFC 7239 section 4.
const forwardedPair = `${token}=(?:${token}|${quotedString})`;
const forwardedElement = `(?:${forwardedPair})?(?:;(?:${forwardedPair})?)*`;
const obfuscated = "_[-A-Za-z0-9._]+";
const unknown = "[uU][nN][kK][nN][oO][wW][nN]";
const nodename = `(?:(${ipv4Address})|\\[(${ipv6Address})\\]|${unknown}|${obfuscated})`;
const node = `${nodename}(?::(?:([0-9]{1,5})|${obfuscated}))?`;

/** The text and each of its beginnings, the empty one included. */
function anyBeginning(atoms: readonly string[]): string {
  return atoms.reduceRight((rest, atom) => `(?:${atom}${rest})?`, "");
}

const METHOD_LENGTH_MAX = 36;
const someMethod = `${tchar}{0,${METHOD_LENGTH_MAX}}`;
const wholeMethod = `${tchar}{1,${METHOD_LENGTH_MAX}}`;
const versionBeginning = anyBeginning("H T T P / [0-9] \\. [0-9] \\r \\n".split(" "));

/** Matched at a place in the text, which is the expression's `lastIndex`. */
export const REQUEST_LINE = new RegExp(requestLine, "y");
export const STATUS_LINE = new RegExp(statusLine, "y");
export const FOLDED_LINE = new RegExp(foldedLine, "y");
export const FIELD_LINE = new RegExp(fieldLine, "y");
export const CHUNK_LINE = new RegExp(chunkLine, "y");
export const CHUNK_SIZE = new RegExp(`${HEXDIG}*`, "y");

/** Matched against the whole of a text. */
export const AUTHORITY = new RegExp(`^${authority}$`);
export const REQUEST_LINE_BEGINNING = new RegExp(
  `^(?:${someMethod}|${wholeMethod} (?:${targetByte}*|${targetByte}+ ${versionBeginning}))$`,
);
export const METHOD_TOO_LONG = new RegExp(`^${tchar}{${METHOD_LENGTH_MAX + 1}}`);
/** With the address, as IPv4 or as IPv6, and the port where it is a number. */
export const FORWARDED_NODE = new RegExp(`^${node}$`);
export const FORWARDED_LIST = new RegExp(
  `^${OWS}(?:${forwardedElement})?(?:${OWS},${OWS}(?:${forwardedElement})?)*${OWS}$`,
);
export const FORWARDED_PAIR = new RegExp(`(${token})=(${token}|${quotedString})`, "g");

/** Also that of the empty line, which ends a section. */
export const FIELD_LINE_BEGINNING = new RegExp(`^(?:\\r?|${tchar}*|${token}:${fieldBytes}\\r?)$`);
export const TOKEN_BEGINNING = new RegExp(`^${tchar}`);

/**
 * The members of `#element`, RFC 9110 section 5.6.1, empty ones left out. A quote that is not
 * closed reaches to the end.
 */
export function listOf(value: string): string[] {
  const element = /(?:[^",]|"(?:[^"\\]|\\.?)*(?:"|$))+/g;
  return (value.match(element) ?? []).map(trim).filter((member) => member !== "");
}

/** A name, and behind it nothing or parameters, which are for whoever knows the coding. */
export function isTransferCoding(member: string): boolean {
  return new RegExp(`^${token}${OWS}(?:;|$)`).test(member);
}

function trim(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}

/** Host and port; null where the text is no `uri-host [ ":" port ]`. */
export function authorityOf(text: string): { host: string; port: string | null } | null {
  const match = AUTHORITY.exec(text);
  if (match === null || Number(match[2] ?? "0") > 65_535) return null;
  return { host: match[1] ?? "", port: match[2] ?? null };
}

/** Matches at a place, and nowhere else. */
export function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
