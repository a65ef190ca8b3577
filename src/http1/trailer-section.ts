/**
 * Reads a trailer section, one byte at a time: field lines as in a header section, then an empty
 * line (RFC 9112 section 7.1.2). All of it is checked and counted; what may be handed on is kept
 * apart from the header section and never merged into it (RFC 9110 section 6.5.1).
 */
import { trimOws } from "../http/fields.ts";
import { isTrailerField } from "../http/trailer-fields.ts";
import { COLON, CR, FIELD_VALUE, LF, TCHAR } from "./grammar.ts";
import { violation } from "./violations.ts";

/** One field line of a trailer section. */
export interface TrailerField {
  /** Lower-case. */
  readonly name: string;
  /** As it was sent, one byte a character, without the white space around it. */
  readonly value: string;
}

export interface TrailerLimits {
  /** Bytes of the trailer section: its field lines with their line ends. */
  readonly trailerLimitBytes: number;
  /** Field lines of the trailer section, those included that are not handed on. */
  readonly fieldCountMax: number;
}

type Step =
  | "line-start"
  | "name"
  | "value"
  /** The CR of a field line has been seen. */
  | "line-feed"
  /** The CR of the empty line has been seen. */
  | "last-line-feed"
  | "end";

/** The step that follows; null where the byte cannot stand there. */
function nextStep(step: Step, byte: number): Step | null {
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

/** One trailer section; {@link TrailerSection.fields} holds what it hands on. */
export class TrailerSection {
  readonly #limits: TrailerLimits;
  readonly #fields: TrailerField[] = [];
  #step: Step = "line-start";
  #bytes = 0;
  #lines = 0;
  #name = "";
  #value = "";

  constructor(limits: TrailerLimits) {
    this.#limits = limits;
  }

  /** In the order received; a repeated field is there repeatedly. */
  get fields(): readonly TrailerField[] {
    return this.#fields;
  }

  /**
   * @returns whether that was the section's last byte
   * @throws {ProtocolError} 400 or 431; the section must not be used afterwards
   * @bound `trailerLimitBytes` and `fieldCountMax`
   */
  take(byte: number): boolean {
    const next = nextStep(this.#step, byte);
    if (next === null) throw violation(byte === LF ? "BARE_LF" : "TRAILER_INVALID");
    if (next === "end") return true;
    if (next !== "last-line-feed" && ++this.#bytes > this.#limits.trailerLimitBytes) {
      throw violation("TRAILER_TOO_LARGE");
    }
    if (next === "name") {
      if (this.#step === "line-start") this.#beginLine();
      this.#name += String.fromCharCode(byte);
    } else if (next === "value" && this.#step === "value") {
      this.#value += String.fromCharCode(byte);
    } else if (next === "line-start") {
      this.#endLine();
    }
    this.#step = next;
    return false;
  }

  #beginLine(): void {
    if (++this.#lines > this.#limits.fieldCountMax) throw violation("TRAILER_TOO_LARGE");
    this.#name = "";
    this.#value = "";
  }

  #endLine(): void {
    const name = this.#name.toLowerCase();
    if (isTrailerField(name)) this.#fields.push({ name, value: trimOws(this.#value) });
  }
}
