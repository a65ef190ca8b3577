/**
 * JSON strings of text from outside, as they stand in log lines.
 *
 * Owns that such a line is always valid JSON (RFC 8259) and printable ASCII, whatever the text
 * holds. Must not know what the line says.
 */

/** Everything that may not stand in a JSON string as it is, or not in a line of ASCII. */
const UNSAFE = /[^ !#-[\]-~]/;
const BEYOND_ASCII = /[^\x20-\x7e]/g;

/**
 * Text as a JSON string with its quotes, in printable ASCII.
 *
 * Of a latin-1 string each character stays one byte: UTF-8 in a field's value comes out as one
 * escape for each byte, so that also what is no UTF-8 can be had back.
 */
export function jsonString(text: string): string {
  return UNSAFE.test(text)
    ? JSON.stringify(text).replace(BEYOND_ASCII, escapeCodeUnit)
    : `"${text}"`;
}

function escapeCodeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
