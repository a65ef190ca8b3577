/**
 * The fields in which proxies say for whom they ask: `Forwarded` (RFC 7239) and X-Forwarded-For.
 *
 * Both are lists to whose right end each proxy adds what it knows. So they are read from the right,
 * one element at a time: what stands left of the part that proxies wrote is the client's invention,
 * and nothing in it, such as a quote that never closes, changes how the rest is read.
 *
 * Knows grammar. Whom to believe is policy, and not known here.
 */
import { TCHAR, trimOws } from "./fields.ts";
import {
  type IpAddress,
  parseIpAddress,
  parseIPv4Address,
  parseIPv6Address,
} from "./ip-address.ts";

/**
 * Bound of an element's length. A host name has 255 characters at most, and a proxy writes a few
 * parameters; what is longer is not read.
 */
const ELEMENT_MAX_CHARS = 1024;
/** Commas in an element's quoted strings that are looked past on the way to its beginning. */
const QUOTED_COMMAS_MAX = 16;

const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** `node` (RFC 7239 section 6). */
export interface ForwardedNode {
  /** null where the proxy does not tell: `unknown`, or an identifier that it made up. */
  readonly address: IpAddress | null;
  /** Digits; null where none is given, or one that the proxy made up. */
  readonly port: string | null;
}

/** What one proxy says of the request that it received (RFC 7239 section 5). */
export interface ForwardedElement {
  /** `for`: who made the request. null where the proxy says nothing about it. */
  readonly client: ForwardedNode | null;
  /** As written, and not checked; null where it is not said. */
  readonly proto: string | null;
  /** As written, and not checked; null where it is not said. */
  readonly host: string | null;
}

/** An element of a list, and where in the list it begins. */
export interface PlacedElement {
  readonly element: ForwardedElement;
  readonly start: number;
}

/** Reads the last element of the list `value[0..end)`. */
export type LastElementReader = (value: string, end: number) => PlacedElement | null;

/**
 * Reads the last element of a `Forwarded` field's value.
 *
 * That is the shortest end of the list, behind a comma, that is an element. In a well-formed list
 * no shorter end is one: it would begin inside a quoted string, and hold one quote too many. In a
 * list whose beginning is not well-formed it is still what the last proxy wrote.
 *
 * @param end where the list ends; what stands behind it has been read
 * @returns null where no element is left, or what is left does not end in one
 * @bound {@link QUOTED_COMMAS_MAX} times {@link ELEMENT_MAX_CHARS}
 * @see RFC 7239 section 4
 */
export function lastForwardedElement(value: string, end: number): PlacedElement | null {
  const last = lastMemberEnd(value, end);
  let before = last;
  for (let commas = 0; commas <= QUOTED_COMMAS_MAX && before > 0; commas++) {
    before = value.lastIndexOf(",", before - 1);
    const start = skipOws(value, before + 1, last);
    if (last - start > ELEMENT_MAX_CHARS) return null;
    const element = parseElement(value.slice(start, last));
    if (element !== null) return { element, start };
  }
  return null;
}

/**
 * Reads the last element of an X-Forwarded-For field's value: an address, with a port in some
 * (`192.0.2.1:4711`, `[2001:db8::1]:4711`), or `unknown`.
 *
 * There is no specification; this is what proxies write.
 *
 * @param end see {@link lastForwardedElement}
 * @returns null where no element is left, or the last one is none of these
 */
export function lastXForwardedFor(value: string, end: number): PlacedElement | null {
  const last = lastMemberEnd(value, end);
  if (last === 0) return null;
  const start = skipOws(value, value.lastIndexOf(",", last - 1) + 1, last);
  const text = value.slice(start, last);
  const address = parseIpAddress(text);
  const client = address === null ? parseForwardedNode(text) : { address, port: null };
  return client === null ? null : { element: { client, proto: null, host: null }, start };
}

/** Members of a list that knows no quoting, such as X-Forwarded-Proto; empty ones are left out. */
export function unquotedMembers(value: string): string[] {
  return value
    .split(",")
    .map((member) => trimOws(member))
    .filter((member) => member !== "");
}

/** Where the last member that is not empty ends; 0 where there is none. */
function lastMemberEnd(value: string, end: number): number {
  let last = end;
  while (last > 0) {
    const code = value.charCodeAt(last - 1);
    if (code !== COMMA && code !== 0x20 && code !== 0x09) break;
    last--;
  }
  return last;
}

function skipOws(value: string, start: number, end: number): number {
  let index = start;
  while (index < end && (value.charCodeAt(index) === 0x20 || value.charCodeAt(index) === 0x09)) {
    index++;
  }
  return index;
}

/**
 * `[ forwarded-pair ] *( ";" [ forwarded-pair ] )`. A parameter that stands twice, or a `for` that
 * is no node, makes it none.
 */
function parseElement(text: string): ForwardedElement | null {
  const parameters = new Map<string, string>();
  let index = 0;
  while (index < text.length) {
    if (text.charCodeAt(index) === SEMICOLON) {
      index++;
      continue;
    }
    const nameEnd = tokenEnd(text, index);
    if (nameEnd === index || text.charCodeAt(nameEnd) !== EQUALS) return null;
    const name = text.slice(index, nameEnd).toLowerCase();
    const isQuoted = text.charCodeAt(nameEnd + 1) === QUOTE;
    const valueEnd = isQuoted ? quotedEnd(text, nameEnd + 1) : tokenEnd(text, nameEnd + 1);
    if (valueEnd <= nameEnd + 1 || parameters.has(name)) return null;
    if (valueEnd < text.length && text.charCodeAt(valueEnd) !== SEMICOLON) return null;
    const value = text.slice(nameEnd + 1, valueEnd);
    parameters.set(name, isQuoted ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value);
    index = valueEnd;
  }
  const node = parameters.get("for");
  const client = node === undefined ? null : parseForwardedNode(node);
  if (node !== undefined && client === null) return null;
  return {
    client,
    proto: parameters.get("proto") ?? null,
    host: parameters.get("host") ?? null,
  };
}

function tokenEnd(text: string, start: number): number {
  let index = start;
  while (index < text.length && TCHAR[text.charCodeAt(index)] === 1) index++;
  return index;
}

/** The index behind the quoted string (RFC 9110 section 5.6.4) that begins at `start`, or -1. */
function quotedEnd(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) return index + 1;
    if (code === BACKSLASH) index++;
  }
  return -1;
}

/**
 * `node = nodename [ ":" node-port ]` (RFC 7239 section 6): an IPv4 address, an IPv6 address in
 * brackets, `unknown`, or an obfuscated identifier such as `_hidden`.
 *
 * @returns null where the text is none of these
 */
export function parseForwardedNode(text: string): ForwardedNode | null {
  const isBracketed = text.startsWith("[");
  const close = isBracketed ? text.indexOf("]") : 0;
  const colon = text.indexOf(":", Math.max(close, 0));
  const name = colon === -1 ? text : text.slice(0, colon);
  const port = colon === -1 ? null : text.slice(colon + 1);
  if (port !== null && !/^(?:[0-9]{1,5}|_[\w.-]+)$/.test(port)) return null;
  const digits = port === null || port.startsWith("_") ? null : port;
  if (digits !== null && Number(digits) > 65_535) return null;
  if (isBracketed) {
    const inside = name.endsWith("]") ? name.slice(1, -1) : "";
    const address = parseIPv6Address(inside) === null ? null : parseIpAddress(inside);
    return address === null ? null : { address, port: digits };
  }
  if (name.toLowerCase() === "unknown" || /^_[\w.-]+$/.test(name)) {
    return { address: null, port: digits };
  }
  const address = parseIPv4Address(name);
  return address === null ? null : { address, port: digits };
}
