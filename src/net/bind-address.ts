/**
 * Where to listen: as it is written on a command line, and resolved to what the kernel understands.
 */
import { isIPv4, isIPv6 } from "node:net";
import os from "node:os";
import { resolve } from "node:path";
import { EXIT_STATUS, invariant, OperatorError } from "../base/errors.ts";
import { type SocketAddress, UNIX_PATH_MAX_BYTES } from "../os/socket-address.ts";

/** `host` is an IPv4 or IPv6 address or a DNS name; port 0 lets the kernel choose. */
export type BindAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  /** A listening socket that the process was started with. */
  | { readonly kind: "descriptor"; readonly descriptor: number };

/** An address by which others find it; a descriptor tells only that somebody has bound it. */
export type NamedAddress = Exclude<BindAddress, { readonly kind: "descriptor" }>;

type TcpAddress = Extract<BindAddress, { readonly kind: "tcp" }>;

const UNIX_PREFIX = "unix:";
const DESCRIPTOR_PREFIX = "fd://";
const DESCRIPTOR_MAX = 1_048_575;
const PORT_MAX = 65_535;
const ALL_INTERFACES = "0.0.0.0";
const ALL_IPV6_INTERFACES = "::";
const LOOPBACK = "127.0.0.1";

/**
 * Understands `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (all IPv4 interfaces), `PORT` (loopback),
 * `unix:PATH` and `fd://NUMBER`.
 *
 * @throws {OperatorError} exit status 2: it is none of these, with what it lacks
 */
export function parseBindAddress(text: string): BindAddress {
  if (text.startsWith(UNIX_PREFIX)) return parseUnixPath(text);
  if (text.startsWith(DESCRIPTOR_PREFIX)) return parseDescriptor(text);
  if (/^\d+$/.test(text)) return { kind: "tcp", host: LOOPBACK, port: parsePort(text, text) };
  const bracketed = /^\[([^\]]*)\]:([^:]*)$/.exec(text);
  if (bracketed !== null) {
    const [, host = "", port = ""] = bracketed;
    if (!isIPv6(host)) throw refusal(text, `${host} is no IPv6 address`);
    return { kind: "tcp", host, port: parsePort(text, port) };
  }
  if (isIPv6(text)) {
    throw refusal(text, `an IPv6 address stands in brackets, with a port: [${text}]:8000`);
  }
  const colon = text.lastIndexOf(":");
  if (colon < 0) throw refusal(text, `the port is missing, as in ${text || LOOPBACK}:8000`);
  const host = text.slice(0, colon);
  if (/^https?:\/\//i.test(text)) {
    throw refusal(text, "an address has no scheme, and https is spoken by what stands in front");
  }
  if (!/^[A-Za-z0-9._-]*$/.test(host)) throw refusal(text, `"${host}" is no host`);
  return {
    kind: "tcp",
    host: host || ALL_INTERFACES,
    port: parsePort(text, text.slice(colon + 1)),
  };
}

/** The address as an operator would write it. */
export function formatBindAddress(address: BindAddress): string {
  if (address.kind === "unix") return UNIX_PREFIX + address.path;
  if (address.kind === "descriptor") return DESCRIPTOR_PREFIX + address.descriptor;
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
}

/** Whether both mean one place, as far as that is known without asking anybody for names. */
export function isSameAddress(one: NamedAddress, other: NamedAddress): boolean {
  if (one.kind === "unix" && other.kind === "unix") {
    return resolve(one.path) === resolve(other.path);
  }
  if (one.kind === "unix" || other.kind === "unix") return false;
  return hasSamePort(one, other) && plainHost(one.host) === plainHost(other.host);
}

/**
 * Whether whoever listens at the first address keeps others from the second: it is the same, or one
 * stands for all interfaces. A socket for `::` takes IPv4's connections too, unless somebody else
 * had them before.
 */
export function takesAddress(first: NamedAddress, second: NamedAddress): boolean {
  if (isSameAddress(first, second)) return true;
  if (first.kind === "unix" || second.kind === "unix" || !hasSamePort(first, second)) return false;
  const [taken, wanted] = [plainHost(first.host), plainHost(second.host)];
  if (taken === ALL_IPV6_INTERFACES) return true;
  if (wanted === ALL_IPV6_INTERFACES) return isIPv6(taken);
  if (taken === ALL_INTERFACES) return !isIPv6(wanted);
  return wanted === ALL_INTERFACES && !isIPv6(taken);
}

/**
 * Resolves a DNS name; of several addresses the first, IPv4 before IPv6.
 *
 * @throws {OperatorError} exit status 1: the name has no address
 */
export async function resolveBindAddress(address: BindAddress): Promise<SocketAddress> {
  invariant(address.kind !== "descriptor", "a descriptor is bound already");
  if (address.kind === "unix") return { family: "unix", path: address.path };
  const { host, port } = address;
  if (isIPv4(host)) return { family: "inet", host, port };
  if (isIPv6(host)) return { family: "inet6", host: withNumericZone(host), port };
  try {
    const { lookup } = await import("node:dns/promises");
    const found = await lookup(host, { order: "ipv4first" });
    return { family: found.family === 6 ? "inet6" : "inet", host: found.address, port };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new OperatorError(
      EXIT_STATUS.failure,
      `cannot listen on ${formatBindAddress(address)}: the name ${host} has no address (${code})` +
        "; correct --bind, or write an address such as 0.0.0.0",
    );
  }
}

function parseUnixPath(text: string): BindAddress {
  const path = text.slice(UNIX_PREFIX.length);
  if (path === "") throw refusal(text, "the path is missing, as in unix:/run/portico.sock");
  if (path.includes("\0")) throw refusal("unix:", "a path holds no NUL");
  const length = Buffer.byteLength(path);
  if (length > UNIX_PATH_MAX_BYTES) {
    throw refusal(
      text,
      `a socket's path is at most ${UNIX_PATH_MAX_BYTES} bytes long, this is ${length}`,
    );
  }
  return { kind: "unix", path };
}

function parseDescriptor(text: string): BindAddress {
  const number = text.slice(DESCRIPTOR_PREFIX.length);
  if (!/^\d{1,7}$/.test(number) || Number(number) > DESCRIPTOR_MAX) {
    throw refusal(text, `"${number}" is no descriptor, as in fd://3`);
  }
  return { kind: "descriptor", descriptor: Number(number) };
}

function parsePort(text: string, port: string): number {
  const value = /^\d{1,5}$/.test(port) ? Number(port) : Infinity;
  if (value > PORT_MAX) throw refusal(text, `"${port}" is no port (0 to ${PORT_MAX})`);
  return value;
}

function refusal(text: string, why: string): OperatorError {
  return new OperatorError(EXIT_STATUS.usage, `--bind ${text}: ${why}`);
}

/** `fe80::1%eth0` as `fe80::1%2`: the kernel knows interfaces by number. */
function withNumericZone(host: string): string {
  const [address = "", zone] = host.split("%", 2);
  if (zone === undefined || /^\d+$/.test(zone)) return host;
  const scope = os.networkInterfaces()[zone]?.find(({ family }) => family === "IPv6")?.scopeid;
  return scope === undefined ? address : `${address}%${scope}`;
}

/** The kernel chooses another one for each that asks for port 0. */
function hasSamePort(one: TcpAddress, other: TcpAddress): boolean {
  return one.port === other.port && one.port !== 0;
}

/** As all would write it. */
function plainHost(host: string): string {
  if (host.toLowerCase() === "localhost") return LOOPBACK;
  if (!isIPv6(host) || host.includes("%")) return host.toLowerCase();
  return new URL(`http://[${host}]`).hostname.slice(1, -1);
}
