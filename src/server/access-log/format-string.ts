/**
 * The notation of a format: text with atoms, as gunicorn's `%(h)s "%(r)s" %(s)s`, which is Python's
 * `%` with names.
 *
 * Owns the syntax and where a mistake in it stands. Knows no record and no meaning of an atom.
 */

/** A piece of a format, in order. */
export type FormatPiece =
  | { readonly kind: "text"; readonly text: string }
  /** `%(name)s`; `position` counts characters from 1. */
  | { readonly kind: "atom"; readonly name: string; readonly position: number }
  /** `%({name}i)s` */
  | {
      readonly kind: "named-atom";
      readonly name: string;
      readonly letter: string;
      readonly position: number;
    };

export type ParsedFormat =
  | { readonly kind: "format"; readonly pieces: readonly FormatPiece[] }
  | FormatMistake;

export interface FormatMistake {
  readonly kind: "mistake";
  /** In characters from 1. */
  readonly position: number;
  /** Continues "at character 12: ". */
  readonly what: string;
}

/** What a percent sign may begin. The name of a field may hold whatever a token does. */
const PERCENT = /%(?:%|\((?:\{([^{}]+)\}([^()]*)|([^(){}]*))\)(.?))/y;
/** A line holds one record, and a terminal is not commanded; a tab parts columns. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/**
 * @param format as the operator wrote it
 * @bound O(length)
 */
export function parseFormat(format: string): ParsedFormat {
  const control = CONTROL.exec(format);
  if (control !== null) return mistake(control.index, "a control character other than a tab");
  const pieces: FormatPiece[] = [];
  let text = "";
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf("%", at);
    text += format.slice(at, percent === -1 ? undefined : percent);
    if (percent === -1) break;
    PERCENT.lastIndex = percent;
    const match = PERCENT.exec(format);
    if (match === null) {
      return mistake(percent, "a % that begins no atom such as %(h)s; for the sign itself: %%");
    }
    const [whole, field, letter = "", name = "", conversion] = match;
    at = percent + whole.length;
    if (whole === "%%") {
      text += "%";
      continue;
    }
    if (conversion !== "s") {
      return mistake(percent, `an atom ends in )s, as in ${whole.slice(0, whole.indexOf(")"))})s`);
    }
    if (text !== "") pieces.push({ kind: "text", text });
    text = "";
    const position = percent + 1;
    pieces.push(
      field === undefined
        ? { kind: "atom", name, position }
        : { kind: "named-atom", name: field, letter, position },
    );
  }
  if (text !== "") pieces.push({ kind: "text", text });
  return { kind: "format", pieces };
}

function mistake(index: number, what: string): FormatMistake {
  return { kind: "mistake", position: index + 1, what };
}
