/**
 * What clients and applications have said, as far as it is shown: cut to a bound, and not escaped.
 */

/** Of a request line, an id, a reason. */
export const SHOWN_MAX_CHARS = 300;

export function shownText(text: string): string {
  return text.length > SHOWN_MAX_CHARS ? `${text.slice(0, SHOWN_MAX_CHARS)}...` : text;
}
