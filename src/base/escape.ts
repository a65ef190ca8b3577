/**
 * Makes text from outside safe to print: on a terminal, in a log file, in one line.
 *
 * Owns the escaping of untrusted text. Must not know where the text is printed.
 */

/** Everything outside printable ASCII, and the backslash, so that an escape can never be forged. */
const UNSAFE = /[^\x20-\x5b\x5d-\x7e]/g;

/**
 * Escapes every control character, every character beyond ASCII and the backslash: `\n`, `\x1b`,
 * `\u20ac`, `\\`.
 *
 * A client that puts a line end or a terminal's escape sequence into its request (log injection,
 * CWE-117) gets it printed as text. Bytes read as latin-1 come out as `\xNN`.
 *
 * @param text   any string; latin-1 where it came from the wire
 * @returns      printable ASCII only; at most six times as long
 */
export function escapeForLog(text: string): string {
  return text.replace(UNSAFE, escapeCodeUnit);
}

/**
 * Like {@link escapeForLog}, but cut after `lengthMax` characters of the original, with `...`
 * behind it.
 */
export function escapeAndCutForLog(text: string, lengthMax: number): string {
  return text.length > lengthMax
    ? `${escapeForLog(text.slice(0, lengthMax))}...`
    : escapeForLog(text);
}

function escapeCodeUnit(character: string): string {
  const code = character.charCodeAt(0);
  if (character === "\\") return "\\\\";
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  const hexadecimal = code.toString(16);
  return code <= 0xff ? `\\x${hexadecimal.padStart(2, "0")}` : `\\u${hexadecimal.padStart(4, "0")}`;
}
