/**
 * Socket addresses: as objects, as text, and as the kernel's `sockaddr`. Knows no descriptor and
 * makes no call.
 */
import { isIPv4, isIPv6 } from "node:net";
import { invariant } from "../base/errors.ts";

export type SocketAddress =
  | { readonly family: "inet" | "inet6"; readonly host: string; readonly port: number }
  /** `path` is empty where the socket has no name, as a client's mostly has none. */
  | { readonly family: "unix"; readonly path: string };

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** Room for any `sockaddr` (sockaddr_storage). */
export const SOCKADDR_MAX_BYTES = 128;
/** Bound of a Unix socket's path; sun_path holds one more for the NUL. */
export const UNIX_PATH_MAX_BYTES = 107;

const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

/** `127.0.0.1:80`, `[::1]:80` or `unix:/run/a.sock`. */
export function formatAddress(address: SocketAddress): string {
  switch (address.family) {
    case "inet":
      return `${address.host}:${address.port}`;
    case "inet6":
      return `[${address.host}]:${address.port}`;
    case "unix":
      return `unix:${address.path}`;
    default:
      return address satisfies never;
  }
}

/**
 * The `sockaddr` for an address whose host is numeric; the array is exactly as long as the kernel
 * wants it.
 *
 * @throws {Error} invariant: a host that is no address, or a path longer than {@link
 *   UNIX_PATH_MAX_BYTES}
 */
export function encodeSockaddr(address: SocketAddress): Uint8Array {
  if (address.family === "unix") {
    const path = Buffer.from(address.path);
    invariant(path.length <= UNIX_PATH_MAX_BYTES, "the path fits into sun_path");
    const bytes = Buffer.alloc(2 + path.length + 1);
    bytes.writeUInt16LE(AF_UNIX, 0);
    path.copy(bytes, 2);
    return bytes;
  }
  const v4 = address.family === "inet";
  const bytes = Buffer.alloc(v4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  bytes.writeUInt16LE(v4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(address.port, 2);
  if (v4) {
    invariant(isIPv4(address.host), "the host is an IPv4 address");
    bytes.set(address.host.split(".").map(Number), 4);
  } else {
    const [host = "", zone] = address.host.split("%", 2);
    invariant(isIPv6(host), "the host is an IPv6 address");
    ipv6Groups(host).forEach((group, index) => bytes.writeUInt16BE(group, 8 + 2 * index));
    if (zone !== undefined) bytes.writeUInt32LE(Number(zone), 24);
  }
  return bytes;
}

/**
 * The `sockaddr` of a Unix socket as environment variables name it: a path, or `@` and a name in
 * the abstract namespace of unix(7), where the length says how long the name is.
 *
 * @returns null where the name is too long
 */
export function encodeUnixName(name: string): Uint8Array | null {
  const abstract = name.startsWith("@");
  const bytes = Buffer.from(abstract ? name.slice(1) : name);
  if (bytes.length > UNIX_PATH_MAX_BYTES) return null;
  const encoded = Buffer.alloc(3 + bytes.length);
  encoded.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(encoded, abstract ? 3 : 2);
  return encoded;
}

/**
 * What the kernel wrote into `bytes[0..length)`. An IPv4 client of a socket that serves both
 * families comes as `::ffff:a.b.c.d` and is given back as what it is.
 */
export function decodeSockaddr(bytes: Buffer, length: number): SocketAddress {
  const family = length >= 2 ? bytes.readUInt16LE(0) : AF_UNIX;
  if (family === AF_INET) {
    return { family: "inet", host: dottedQuad(bytes, 4), port: bytes.readUInt16BE(2) };
  }
  if (family === AF_INET6) {
    const port = bytes.readUInt16BE(2);
    if (isMappedIPv4(bytes)) return { family: "inet", host: dottedQuad(bytes, 20), port };
    const zone = bytes.readUInt32LE(24);
    return { family: "inet6", host: ipv6Text(bytes) + (zone === 0 ? "" : `%${zone}`), port };
  }
  const end = bytes.indexOf(0, 2);
  const path = bytes.toString("utf8", 2, end < 0 ? length : Math.min(end, length));
  return { family: "unix", path: length > 2 ? path : "" };
}

/**
 * `::ffff:a.b.c.d` as the IPv4 address that it stands for (RFC 4291 section 2.5.5.2); any other as
 * it is.
 */
export function unmapIPv4(address: SocketAddress): SocketAddress {
  if (address.family !== "inet6") return address;
  const host = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address.host)?.[1];
  return host === undefined ? address : { family: "inet", host, port: address.port };
}

function dottedQuad(bytes: Buffer, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function isMappedIPv4(bytes: Buffer): boolean {
  for (let at = 8; at < 18; at++) if (bytes[at] !== 0) return false;
  return bytes[18] === 0xff && bytes[19] === 0xff;
}

/** The eight groups of an IPv6 address, with `::` and an embedded IPv4 address expanded. */
function ipv6Groups(host: string): number[] {
  const [head = "", tail] = host.split("::", 2);
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const gap = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return [...before, ...gap, ...after];
}

function groupsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((part) => {
    if (!part.includes(".")) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as `::`. */
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(8 + 2 * index));
  let longestStart = 0;
  let longest = 0;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > longest) {
      longestStart = start;
      longest = end - start;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (longest < 2) return hex.join(":");
  const before = hex.slice(0, longestStart).join(":");
  const after = hex.slice(longestStart + longest).join(":");
  return `${before}::${after}`;
}
