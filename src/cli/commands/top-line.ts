/**
 * A line of a terminal's screen: pieces of text with a tone, cut to a width. Text comes in escaped
 * (src/base/escape.ts), so that each character takes one column and commands nothing.
 */

export type Tone = "plain" | "strong" | "faint" | "good" | "warning" | "bad" | "chosen";

export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

export type Line = readonly Span[];

/** What a terminal can show. */
export interface ScreenStyle {
  readonly colours: boolean;
  /** Whether it shows more than ASCII, of our own signs alone. */
  readonly unicode: boolean;
}

/** SGR, ECMA-48 section 8.3.117. */
const SGR: Readonly<Record<Tone, string>> = {
  plain: "",
  strong: "1",
  faint: "2",
  good: "32",
  warning: "33",
  bad: "1;31",
  chosen: "7",
};

export function span(text: string, tone: Tone = "plain"): Span {
  return { text, tone };
}

/** As the terminal takes it; at most so many columns wide. */
export function paint(line: Line, columns: number, { colours }: ScreenStyle): string {
  let left = columns;
  let painted = "";
  for (const { text, tone } of line) {
    if (left <= 0) break;
    const shown = text.length > left ? text.slice(0, left) : text;
    left -= shown.length;
    const sgr = SGR[tone];
    painted += colours && sgr !== "" ? `\x1b[${sgr}m${shown}\x1b[0m` : shown;
  }
  return painted;
}

/** The same, as text of one tone: of a row that is chosen. */
export function inOneTone(line: Line, tone: Tone): Line {
  return [span(line.map(({ text }) => text).join(""), tone)];
}
