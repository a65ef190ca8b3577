/**
 * Writes PROXY headers as a proxy does (proxy-protocol.txt sections 2.1 and 2.2). Shares nothing
 * with the reader, so that a mistake of the one is not the other's as well.
 */
import { encodeSockaddr, type SocketAddress } from "../../src/os/socket-address.ts";

export type InetAddress = Extract<SocketAddress, { host: string }>;
export type UnixAddress = Extract<SocketAddress, { path: string }>;

/** A record behind the addresses: its type, and its value. */
export type Tlv = readonly [type: number, value: Buffer];

const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const TYPE_CRC32C = 0x03;
const TYPE_SSL = 0x20;
const UNIX_PATH_BYTES = 108;

/** The line of version 1; both addresses are of one family. */
export function proxyLine(remote: InetAddress, local: InetAddress): Buffer {
  const protocol = remote.family === "inet" ? "TCP4" : "TCP6";
  const addresses = `${remote.host} ${local.host} ${remote.port} ${local.port}`;
  return Buffer.from(`PROXY ${protocol} ${addresses}\r\n`, "latin1");
}

/** The header of version 2, for any value of its fields. */
export function proxyBlock(command: number, family: number, block: Buffer): Buffer {
  const fixed = Buffer.from([0x20 | command, family, block.length >> 8, block.length & 0xff]);
  return Buffer.concat([SIGNATURE, fixed, block]);
}

/** The header of version 2 for a stream between two addresses of one family. */
export function proxyHeader(
  remote: SocketAddress,
  local: SocketAddress,
  tlvs: readonly Tlv[] = [],
): Buffer {
  const family = { inet: 0x11, inet6: 0x21, unix: 0x31 }[remote.family];
  const addresses = [
    addressBytes(remote),
    addressBytes(local),
    portBytes(remote),
    portBytes(local),
  ];
  return proxyBlock(1, family, Buffer.concat([...addresses, ...tlvs.map(tlvBytes)]));
}

/** The same with a checksum, the last of its records (section 2.2.3). */
export function withChecksum(
  remote: SocketAddress,
  local: SocketAddress,
  tlvs: readonly Tlv[] = [],
): Buffer {
  const header = proxyHeader(remote, local, [...tlvs, [TYPE_CRC32C, Buffer.alloc(4)]]);
  header.writeUInt32BE(slowCrc32c(header), header.length - 4);
  return header;
}

/** The record of a client that came over TLS (section 2.2.6). */
export const TLS_RECORD: Tlv = [
  TYPE_SSL,
  Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), tlvBytes([0x21, Buffer.from("TLSv1.3")])]),
];

/** Bit by bit, as the polynomial's definition says. */
export function slowCrc32c(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
    }
  }
  return (remainder ^ 0xffffffff) >>> 0;
}

function tlvBytes([type, value]: Tlv): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);
}

function addressBytes(address: SocketAddress): Uint8Array {
  switch (address.family) {
    case "inet":
      return encodeSockaddr(address).subarray(4, 8);
    case "inet6":
      return encodeSockaddr(address).subarray(8, 24);
    case "unix":
      return Buffer.concat(
        [Buffer.from(address.path), Buffer.alloc(UNIX_PATH_BYTES)],
        UNIX_PATH_BYTES,
      );
    default:
      return address satisfies never;
  }
}

function portBytes(address: SocketAddress): Buffer {
  if (address.family === "unix") return Buffer.alloc(0);
  return Buffer.from([address.port >> 8, address.port & 0xff]);
}
