/**
 * IP addresses as text and as bytes (RFC 3986 section 3.2.2, RFC 5952).
 *
 * Knows nothing of ports, networks or sockets; what an address is good for is for others to say.
 */

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const IPV6_GROUPS = 8;
/** The longest text of an IPv6 address: six groups and an IPv4 address. */
const TEXT_MAX_CHARS = 45;

const COLON = 0x3a;
const DOT = 0x2e;

/** Four bytes for IPv4, sixteen for IPv6, in network order. */
export type IpAddress = Uint8Array;

/**
 * Reads an address. An IPv4 address that is written as IPv6 (`::ffff:a.b.c.d`, RFC 4291 section
 * 2.5.5.2) is the IPv4 address, since it is the same host.
 *
 * Strict: no leading zeros in IPv4, which some read as octal, and no zone, which means something on
 * one machine only.
 *
 * @returns null where the text is no address
 * @bound O(length), and a text that is too long for an address is not looked at
 */
export function parseIpAddress(text: string): IpAddress | null {
  if (!text.includes(":")) return parseIPv4Address(text);
  const ipv6 = parseIPv6Address(text);
  return ipv6 !== null && isMappedIPv4(ipv6) ? ipv6.subarray(IPV6_BYTES - IPV4_BYTES) : ipv6;
}

/** Whether the sixteen bytes are an IPv4-mapped address, `::ffff:0:0/96`. */
export function isMappedIPv4(address: IpAddress): boolean {
  if (address.length !== IPV6_BYTES) return false;
  for (let index = 0; index < 10; index++) if (address[index] !== 0) return false;
  return address[10] === 0xff && address[11] === 0xff;
}

/** `dec-octet "." dec-octet "." dec-octet "." dec-octet`; null for anything else. */
export function parseIPv4Address(text: string): IpAddress | null {
  if (text.length > 15) return null;
  const bytes = new Uint8Array(IPV4_BYTES);
  return readIPv4(text, 0, bytes, 0) ? bytes : null;
}

/** Reads the IPv4 address from `start` to the end of the text into `bytes[at..at + 4)`. */
function readIPv4(text: string, start: number, bytes: Uint8Array, at: number): boolean {
  let index = start;
  for (let octet = 0; octet < IPV4_BYTES; octet++) {
    if (octet > 0 && text.charCodeAt(index++) !== DOT) return false;
    const first = index;
    let value = 0;
    for (; index < text.length; index++) {
      const digit = text.charCodeAt(index) - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      if (value > 255) return false;
    }
    const digits = index - first;
    if (digits === 0 || (digits > 1 && text.charCodeAt(first) === 0x30)) return false;
    bytes[at + octet] = value;
  }
  return index === text.length;
}

/**
 * `IPv6address` of RFC 3986, as sixteen bytes also where IPv4 is mapped; null for anything else.
 */
export function parseIPv6Address(text: string): IpAddress | null {
  if (text.length > TEXT_MAX_CHARS) return null;
  const bytes = new Uint8Array(IPV6_BYTES);
  let groups = 0;
  let gap = -1;
  let index = 0;
  if (text.startsWith("::")) {
    gap = 0;
    index = 2;
  }
  while (index < text.length) {
    if (groups === IPV6_GROUPS) return null;
    const end = groupEnd(text, index);
    if (end === text.length && text.indexOf(".", index) !== -1) {
      if (groups > IPV6_GROUPS - 2 || !readIPv4(text, index, bytes, groups * 2)) return null;
      groups += 2;
      break;
    }
    const value = hexGroup(text, index, end);
    if (value === -1) return null;
    bytes[groups * 2] = value >> 8;
    bytes[groups * 2 + 1] = value & 0xff;
    groups++;
    if (end === text.length) break;
    index = end + 1;
    // A colon at the end belongs to nothing, unless it is the second one of the gap.
    if (index === text.length) return null;
    if (text.charCodeAt(index) !== COLON) continue;
    if (gap !== -1) return null;
    gap = groups;
    index++;
  }
  if (gap === -1) return groups === IPV6_GROUPS ? bytes : null;
  if (groups === IPV6_GROUPS) return null;
  return withGap(bytes, gap * 2, groups * 2);
}

function groupEnd(text: string, start: number): number {
  const colon = text.indexOf(":", start);
  return colon === -1 ? text.length : colon;
}

/** Value of one to four hexadecimal digits, or -1. */
function hexGroup(text: string, start: number, end: number): number {
  if (end === start || end - start > 4) return -1;
  let value = 0;
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index) | 0x20;
    const isDigit = text.charCodeAt(index) >= 0x30 && text.charCodeAt(index) <= 0x39;
    if (!isDigit && !(code >= 0x61 && code <= 0x66)) return -1;
    value = value * 16 + (isDigit ? text.charCodeAt(index) - 0x30 : code - 0x57);
  }
  return value;
}

/** Moves what stands behind the gap to the end, and leaves zeros in between. */
function withGap(bytes: Uint8Array, gap: number, length: number): Uint8Array {
  bytes.copyWithin(IPV6_BYTES - (length - gap), gap, length);
  bytes.fill(0, gap, IPV6_BYTES - (length - gap));
  return bytes;
}

/**
 * The one text of an address: dotted quad, or RFC 5952 (lower case, no leading zeros, the longest
 * run of two or more zero groups as `::`). No brackets.
 */
export function formatIpAddress(address: IpAddress): string {
  if (address.length === IPV4_BYTES) return address.join(".");
  const groups: number[] = [];
  for (let at = 0; at < IPV6_BYTES; at += 2) {
    groups.push(((address[at] as number) << 8) | (address[at + 1] as number));
  }
  const { start, length } = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/** The first of the longest runs of zeros. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > longest.length) longest = { start, length: end - start };
  }
  return longest;
}
