/**
 * Text that a client or an application had a say in, made safe for a log line.
 *
 * Owns how it is escaped in plain lines, and that text which repeats is escaped once. Knows no
 * record.
 */
import { escapeForLog } from "../../base/escape.ts";

/** Whatever cannot stand between two quotes as it is. */
const UNSAFE = /[^ !#-[\]-~]/;
const NOTHING = "-";

/**
 * As Apache writes `%r` and the fields: `\"` and `\\`, and `\xNN` for each byte that is no
 * printable ASCII. Neither a line nor a quoted part of it can be left from inside.
 *
 * @param text latin-1
 */
export function escapeQuotable(text: string): string {
  return UNSAFE.test(text) ? escapeForLog(text).replaceAll('"', '\\"') : text;
}

/** Like {@link escapeQuotable}; `-` for null and for nothing. */
export function quotable(text: string | null): string {
  return text === null || text === "" ? NOTHING : escapeQuotable(text);
}

/** As {@link quotable}, and without spaces: one word, so that the columns behind it stay. */
export function oneWord(text: string | null): string {
  return quotable(text).replaceAll(" ", "\\x20");
}

/**
 * The same function, but what was asked last is remembered: clients repeat themselves, and
 * comparing costs less than escaping.
 */
export function remembering<T extends string | null>(
  escape: (text: T) => string,
): (text: T) => string {
  let last: T | undefined;
  let escaped = "";
  return (text) => {
    if (text !== last) {
      escaped = escape(text);
      last = text;
    }
    return escaped;
  };
}
