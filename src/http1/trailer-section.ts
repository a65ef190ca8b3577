/**
 * The grammar of a trailer section, one byte at a time: field lines as in a header section, then an
 * empty line (RFC 9112 section 7.1.2). Keeps no byte.
 */
import { COLON, CR, FIELD_VALUE, LF, TCHAR } from "./grammar.ts";

/** One field line of a trailer section. */
export interface TrailerField {
  /** Lower-case. */
  readonly name: string;
  readonly value: string;
}

export type TrailerStep =
  | "line-start"
  | "name"
  | "value"
  /** The CR of a field line has been seen. */
  | "line-feed"
  /** The CR of the empty line has been seen. */
  | "last-line-feed"
  | "end";

/** The step that follows; null where the byte cannot stand there. */
export function nextTrailerStep(step: TrailerStep, byte: number): TrailerStep | null {
  switch (step) {
    case "line-start":
      if (byte === CR) return "last-line-feed";
      return TCHAR[byte] === 1 ? "name" : null;
    case "name":
      if (byte === COLON) return "value";
      return TCHAR[byte] === 1 ? "name" : null;
    case "value":
      if (byte === CR) return "line-feed";
      return FIELD_VALUE[byte] === 1 ? "value" : null;
    case "line-feed":
      return byte === LF ? "line-start" : null;
    case "last-line-feed":
      return byte === LF ? "end" : null;
    case "end":
      return null;
    default:
      return step satisfies never;
  }
}
