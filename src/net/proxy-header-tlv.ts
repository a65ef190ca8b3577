/**
 * The records behind the addresses of a PROXY header, version 2 (proxy-protocol.txt sections 2.2
 * and 2.2.1 to 2.2.8). Looks at the checksum and at whether TLS was used, and skips all others.
 */
import { crc32c } from "./crc32c.ts";
import { type ProxyViolation, violation } from "./proxy-header-result.ts";

const TYPE_CRC32C = 0x03;
const TYPE_SSL = 0x20;
/** Type and length. */
const TLV_HEAD_BYTES = 3;
const CRC32C_BYTES = 4;
/** The fields `client` and `verify`, before TLVs of a second level. */
const SSL_FIXED_BYTES = 5;
/** The bit of `client` that says that the client came over TLS. */
const CLIENT_SSL = 0x01;

const CHECKSUM_ZEROED = Buffer.alloc(CRC32C_BYTES);

export type Tlvs = { readonly kind: "tlvs"; readonly clientUsedTls: boolean } | ProxyViolation;

interface Tlv {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Walks over `header[start..end)`, the TLVs of a whole header that begins at `header[0]`. They must
 * fill it exactly, those within the TLS record as well.
 */
export function readTlvs(header: Buffer, start: number, end: number): Tlvs {
  let checksum: Tlv | null = null;
  let ssl: Tlv | null = null;
  for (let at = start; at < end;) {
    const tlv = tlvAt(header, at, end);
    if (tlv === null) return violation("PROXY_TLV_CUT");
    if (tlv.type === TYPE_CRC32C) {
      if (checksum !== null) return violation("PROXY_TLV_REPEATED");
      if (tlv.end - tlv.start !== CRC32C_BYTES) return violation("PROXY_TLV_CUT");
      checksum = tlv;
    } else if (tlv.type === TYPE_SSL) {
      if (ssl !== null) return violation("PROXY_TLV_REPEATED");
      if (!isSslWhole(header, tlv)) return violation("PROXY_TLV_CUT");
      ssl = tlv;
    }
    at = tlv.end;
  }
  if (checksum !== null && !holdsChecksum(header, end, checksum.start)) {
    return violation("PROXY_CHECKSUM");
  }
  const clientUsedTls = ssl !== null && ((header[ssl.start] as number) & CLIENT_SSL) !== 0;
  return { kind: "tlvs", clientUsedTls };
}

/** The record at `at`; null where it reaches beyond `end`. */
function tlvAt(bytes: Buffer, at: number, end: number): Tlv | null {
  const start = at + TLV_HEAD_BYTES;
  if (start > end) return null;
  const valueEnd = start + bytes.readUInt16BE(at + 1);
  return valueEnd > end ? null : { type: bytes[at] as number, start, end: valueEnd };
}

function isSslWhole(bytes: Buffer, ssl: Tlv): boolean {
  let at = ssl.start + SSL_FIXED_BYTES;
  if (at > ssl.end) return false;
  while (at < ssl.end) {
    const inner = tlvAt(bytes, at, ssl.end);
    if (inner === null) return false;
    at = inner.end;
  }
  return true;
}

/** The sum was made while its own four bytes were zero (section 2.2.3). */
function holdsChecksum(header: Buffer, end: number, at: number): boolean {
  const before = crc32c(header, 0, at);
  const withZeros = crc32c(CHECKSUM_ZEROED, 0, CRC32C_BYTES, before);
  return crc32c(header, at + CRC32C_BYTES, end, withZeros) === header.readUInt32BE(at);
}
