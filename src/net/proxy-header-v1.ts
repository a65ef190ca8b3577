/**
 * Version 1 of the PROXY protocol: one line of text (proxy-protocol.txt section 2.1).
 *
 *     PROXY TCP4 192.0.2.7 198.51.100.1 56324 443<CR><LF>
 */
import {
  formatIpAddress,
  isMappedIPv4,
  parseIPv4Address,
  parseIPv6Address,
} from "../http/ip-address.ts";
import type { SocketAddress } from "../os/socket-address.ts";
import { NEED_DATA, type ProxyHeaderRead, violation } from "./proxy-header-result.ts";

/** What identifies the version: these five are enough to tell it from HTTP. */
export const VERSION_1_SIGNATURE = Buffer.from("PROXY", "latin1");
/** The longest line, its CRLF included. */
const LINE_MAX_BYTES = 107;

const CR = 0x0d;
const LF = 0x0a;
const LINE = /^PROXY (TCP4|TCP6) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)$/;
/** Whatever follows is ignored, as the section demands. */
const UNKNOWN_LINE = /^PROXY UNKNOWN(?: |$)/;
const PORT = /^(?:0|[1-9][0-9]{0,4})$/;
const PORT_MAX = 65_535;

/**
 * Reads `bytes[0..end)`, which begins with as much of {@link VERSION_1_SIGNATURE} as is there.
 *
 * Nothing is said of a line before its first LF has come, so that the same bytes come to the same
 * however they are cut.
 *
 * @bound 107 bytes are looked at
 */
export function readVersion1(bytes: Buffer, end: number): ProxyHeaderRead {
  const lf = bytes.subarray(0, Math.min(end, LINE_MAX_BYTES)).indexOf(LF);
  if (lf === -1) return end < LINE_MAX_BYTES ? NEED_DATA : violation("PROXY_LINE_TOO_LONG");
  const lineEnd = lf - 1;
  if (bytes.subarray(0, lf).indexOf(CR) !== lineEnd) return violation("PROXY_LINE_END");
  return readLine(bytes.toString("latin1", 0, lineEnd), lf + 1);
}

function readLine(line: string, lengthBytes: number): ProxyHeaderRead {
  if (UNKNOWN_LINE.test(line)) return { kind: "header", header: { kind: "unknown" }, lengthBytes };
  const parts = LINE.exec(line);
  if (parts === null) return violation("PROXY_LINE_INVALID");
  const [, protocol, source = "", destination = "", sourcePort = "", destinationPort = ""] = parts;
  if (!isPort(sourcePort) || !isPort(destinationPort)) return violation("PROXY_PORT_INVALID");
  const addressOf = protocol === "TCP4" ? ipv4Address : ipv6Address;
  const remote = addressOf(source, Number(sourcePort));
  const local = addressOf(destination, Number(destinationPort));
  if (remote === null || local === null) return violation("PROXY_ADDRESS_INVALID");
  const header = { kind: "client", remote, local, scheme: "http" } as const;
  return { kind: "header", header, lengthBytes };
}

function isPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= PORT_MAX;
}

function ipv4Address(host: string, port: number): SocketAddress | null {
  return parseIPv4Address(host) === null ? null : { family: "inet", host, port };
}

/**
 * An IPv4 client of a proxy that listens for both families comes as `::ffff:192.0.2.7`, as
 * inet_ntop(3) writes it; it is given back as what it is.
 */
function ipv6Address(text: string, port: number): SocketAddress | null {
  const bytes = parseIPv6Address(text);
  if (bytes === null) return null;
  if (isMappedIPv4(bytes))
    return { family: "inet", host: formatIpAddress(bytes.subarray(12)), port };
  return { family: "inet6", host: formatIpAddress(bytes), port };
}
