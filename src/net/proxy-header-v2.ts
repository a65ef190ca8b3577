/**
 * Version 2 of the PROXY protocol: binary (proxy-protocol.txt section 2.2).
 *
 *     signature (12) | version, command | family, transport | length (2) | addresses | TLVs
 */
import { formatIpAddress, isMappedIPv4 } from "../http/ip-address.ts";
import type { SocketAddress } from "../os/socket-address.ts";
import {
  NEED_DATA,
  type ProxyHeader,
  type ProxyHeaderRead,
  violation,
} from "./proxy-header-result.ts";
import { readTlvs } from "./proxy-header-tlv.ts";

export const VERSION_2_SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
/**
 * Bytes behind the fixed part. The addresses and a checksum take some dozens; what takes more is
 * the name of a client's certificate, or what a cloud adds for itself.
 */
export const VERSION_2_LENGTH_MAX_BYTES = 4_096;

const FIXED_BYTES = 16;
const VERSION_AT = 12;
const FAMILY_AT = 13;
const LENGTH_AT = 14;
const VERSION = 2;

const LOCAL = 0;
const PROXY = 1;
const UNSPEC = 0;
const INET = 1;
const INET6 = 2;
const UNIX = 3;
const STREAM = 1;
const DGRAM = 2;

const UNIX_PATH_BYTES = 108;
/** Bytes of the two addresses, with ports where they have some, by family. */
const ADDRESSES_BYTES = { [UNSPEC]: 0, [INET]: 12, [INET6]: 36, [UNIX]: 216 } as const;

/**
 * Reads `bytes[0..end)`, which begins with as much of {@link VERSION_2_SIGNATURE} as is there.
 *
 * @bound 16 + {@link VERSION_2_LENGTH_MAX_BYTES} bytes are looked at
 */
export function readVersion2(bytes: Buffer, end: number): ProxyHeaderRead {
  if (end <= VERSION_AT) return NEED_DATA;
  const version = (bytes[VERSION_AT] as number) >> 4;
  const command = (bytes[VERSION_AT] as number) & 0x0f;
  if (version !== VERSION) return violation("PROXY_VERSION");
  if (command > PROXY) return violation("PROXY_COMMAND");
  if (end <= FAMILY_AT) return NEED_DATA;
  // Of a LOCAL connection everything but the length is ignored.
  const family = command === LOCAL ? UNSPEC : (bytes[FAMILY_AT] as number) >> 4;
  const transport = command === LOCAL ? UNSPEC : (bytes[FAMILY_AT] as number) & 0x0f;
  if (!isFamily(family) || transport > DGRAM) return violation("PROXY_FAMILY");
  if (end < FIXED_BYTES) return NEED_DATA;
  const length = bytes.readUInt16BE(LENGTH_AT);
  if (length > VERSION_2_LENGTH_MAX_BYTES) return violation("PROXY_TOO_LONG");
  const lengthBytes = FIXED_BYTES + length;
  if (family === UNSPEC || transport === UNSPEC) {
    // How long the addresses of an unknown family are, and so where TLVs begin, cannot be told.
    if (end < lengthBytes) return NEED_DATA;
    const header: ProxyHeader = { kind: command === LOCAL ? "own" : "unknown" };
    return { kind: "header", header, lengthBytes };
  }
  const tlvsAt = FIXED_BYTES + ADDRESSES_BYTES[family];
  if (tlvsAt > lengthBytes) return violation("PROXY_ADDRESSES_CUT");
  if (end < lengthBytes) return NEED_DATA;
  const tlvs = readTlvs(bytes, tlvsAt, lengthBytes);
  if (tlvs.kind === "violation") return tlvs;
  // Datagrams are a valid combination that nothing here could be reached by: "it automatically
  // falls back to the UNSPEC mode".
  if (transport !== STREAM) return { kind: "header", header: { kind: "unknown" }, lengthBytes };
  const [remote, local] = readAddresses(bytes, family);
  const scheme = tlvs.clientUsedTls ? "https" : "http";
  return { kind: "header", header: { kind: "client", remote, local, scheme }, lengthBytes };
}

type Family = keyof typeof ADDRESSES_BYTES;

function isFamily(value: number): value is Family {
  return value in ADDRESSES_BYTES;
}

function readAddresses(
  bytes: Buffer,
  family: Exclude<Family, typeof UNSPEC>,
): readonly [source: SocketAddress, destination: SocketAddress] {
  if (family === UNIX) {
    const destinationAt = FIXED_BYTES + UNIX_PATH_BYTES;
    return [unixAddress(bytes, FIXED_BYTES), unixAddress(bytes, destinationAt)];
  }
  const addressBytes = family === INET ? 4 : 16;
  const destinationAt = FIXED_BYTES + addressBytes;
  const portsAt = destinationAt + addressBytes;
  const source = bytes.subarray(FIXED_BYTES, destinationAt);
  const destination = bytes.subarray(destinationAt, portsAt);
  return [
    ipAddress(source, bytes.readUInt16BE(portsAt)),
    ipAddress(destination, bytes.readUInt16BE(portsAt + 2)),
  ];
}

function ipAddress(address: Buffer, port: number): SocketAddress {
  const plain = isMappedIPv4(address) ? address.subarray(12) : address;
  const family = plain.length === 4 ? "inet" : "inet6";
  return { family, host: formatIpAddress(plain), port };
}

/** A path ends with a NUL, or fills its place (unix(7)); one that begins with NUL is abstract. */
function unixAddress(bytes: Buffer, start: number): SocketAddress {
  const field = bytes.subarray(start, start + UNIX_PATH_BYTES);
  const nul = field.indexOf(0);
  return { family: "unix", path: field.toString("utf8", 0, nul === -1 ? field.length : nul) };
}
