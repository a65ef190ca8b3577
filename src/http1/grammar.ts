/**
 * The character classes of RFC 9112 as tables of 256 entries, indexed by the byte.
 *
 * The scanners of this folder read `bytes[index] as number`: each index was compared with the end
 * before, and a check for undefined in the innermost loops would be paid for by each byte of each
 * request.
 */
import { hexDigit } from "../http/target.ts";

export { TCHAR } from "../http/fields.ts";

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const DQUOTE = 0x22;
export const HASH = 0x23;
export const PERIOD = 0x2e;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const QUESTION_MARK = 0x3f;
export const BACKSLASH = 0x5c;
const DEL = 0x7f;

function table(contains: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (contains(byte) ? 1 : 0));
}

/**
 * Bytes taken in a request-target. RFC 3986 allows fewer, but clients send raw UTF-8 and characters
 * such as `|`, and none of these can be mistaken for the end of the target. A fragment is never
 * sent (RFC 9112 section 3.2).
 */
export const TARGET: Uint8Array = /* @__PURE__ */ table(
  (byte) => byte > SP && byte !== DEL && byte !== HASH,
);

/**
 * `field-content`: HTAB, SP, VCHAR and obs-text (RFC 9110 section 5.5). Other controls have no
 * meaning in a value and are refused, not passed on to an application that might give them one.
 */
export const FIELD_VALUE: Uint8Array = /* @__PURE__ */ table(
  (byte) => byte === HTAB || (byte >= SP && byte !== DEL),
);

/** `qdtext` (RFC 9110 section 5.6.4): what a quoted string holds without an escape. */
export const QDTEXT: Uint8Array = /* @__PURE__ */ table(
  (byte) => FIELD_VALUE[byte] === 1 && byte !== DQUOTE && byte !== BACKSLASH,
);

/** The value of a hexadecimal digit, and -1 for every other byte. */
export const HEX_VALUE: Int8Array = /* @__PURE__ */ Int8Array.from({ length: 256 }, (_, byte) =>
  hexDigit(byte),
);
