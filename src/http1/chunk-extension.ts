/**
 * The grammar of chunk extensions, one byte at a time (RFC 9112 section 7.1.1):
 *
 *     *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
 *
 * White space is taken where the grammar has it, and nowhere else: not at the end of the line.
 * Knows no extension, and keeps no byte.
 */
import { BACKSLASH, CR, DQUOTE, EQUALS, FIELD_VALUE, HTAB, QDTEXT, SEMICOLON } from "./grammar.ts";
import { SP, TCHAR } from "./grammar.ts";

export type ExtensionStep =
  /** Behind the size, a name or a value: another extension, or the end of the line. */
  | "between"
  /** As between, after white space: the line cannot end here. */
  | "space"
  | "name-start"
  | "name"
  | "name-space"
  | "value-start"
  | "value"
  | "quoted"
  | "quoted-pair"
  /** The CR at the end of the line. */
  | "end";

/** The step that follows; null where the byte cannot stand there. */
export function nextExtensionStep(step: ExtensionStep, byte: number): ExtensionStep | null {
  switch (step) {
    case "between":
      if (byte === CR) return "end";
      return byte === SEMICOLON ? "name-start" : whiteSpace(byte, "space");
    case "space":
      return byte === SEMICOLON ? "name-start" : whiteSpace(byte, "space");
    case "name-start":
      return TCHAR[byte] === 1 ? "name" : whiteSpace(byte, "name-start");
    case "name":
      if (TCHAR[byte] === 1) return "name";
      if (byte === EQUALS) return "value-start";
      return isWhiteSpace(byte) ? "name-space" : nextExtensionStep("between", byte);
    case "name-space":
      return byte === EQUALS ? "value-start" : afterNameSpace(byte);
    case "value-start":
      if (byte === DQUOTE) return "quoted";
      return TCHAR[byte] === 1 ? "value" : whiteSpace(byte, "value-start");
    case "value":
      return TCHAR[byte] === 1 ? "value" : nextExtensionStep("between", byte);
    case "quoted":
      if (byte === DQUOTE) return "between";
      if (byte === BACKSLASH) return "quoted-pair";
      return QDTEXT[byte] === 1 ? "quoted" : null;
    case "quoted-pair":
      return FIELD_VALUE[byte] === 1 ? "quoted" : null;
    case "end":
      return null;
    default:
      return step satisfies never;
  }
}

function afterNameSpace(byte: number): ExtensionStep | null {
  return byte === SEMICOLON ? "name-start" : whiteSpace(byte, "name-space");
}

function whiteSpace(byte: number, next: ExtensionStep): ExtensionStep | null {
  return isWhiteSpace(byte) ? next : null;
}

function isWhiteSpace(byte: number): boolean {
  return byte === SP || byte === HTAB;
}
