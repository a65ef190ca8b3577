/**
 * CRC32c, the checksum with Castagnoli's polynomial (RFC 9260 appendix A, before that RFC 4960
 * appendix B). `node:zlib` has another one, of IEEE 802.3.
 */

/** The polynomial 0x1EDC6F41 with its bits in reverse: the lowest bit of a byte comes first. */
const POLYNOMIAL_REVERSED = 0x82f63b78;
const ALL_BITS = 0xffffffff;

/** What each value of a byte does to a checksum. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = (remainder >>> 1) ^ ((remainder & 1) === 0 ? 0 : POLYNOMIAL_REVERSED);
  }
  return remainder;
});

/**
 * The checksum of `bytes[start..end)`, or of these behind others.
 *
 * @param checksum of what comes before; 0 for nothing
 * @returns 0 to 2^32 - 1
 */
export function crc32c(bytes: Uint8Array, start: number, end: number, checksum = 0): number {
  let state = checksum ^ ALL_BITS;
  for (let at = start; at < end; at++) {
    state = (state >>> 8) ^ (TABLE[(state ^ (bytes[at] as number)) & 0xff] as number);
  }
  return (state ^ ALL_BITS) >>> 0;
}
