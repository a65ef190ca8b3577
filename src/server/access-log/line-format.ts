/**
 * Formats of access log lines, by name or by format string, made into functions once at the start.
 *
 * Owns the names and what they stand for. Must not know where the lines go.
 */
import { nearestName } from "../../base/nearest-name.ts";
import type { AccessRecord } from "./access-record.ts";
import { type Atom, ATOM_NAMES, atomOf, namedAtom } from "./atoms.ts";
import { columnLines } from "./column-line.ts";
import { type FormatMistake, type FormatPiece, parseFormat } from "./format-string.ts";
import { jsonLines } from "./json-line.ts";

export interface LineFormat {
  readonly kind: "line-format";
  /** The line of a record, with its line end: printable ASCII, but for colours. */
  readonly line: (record: AccessRecord) => string;
  /** Whether it asks for fields of the answer, whose head then has to be kept. */
  readonly readsResponseFields: boolean;
}

const COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s';
const COMBINED = `${COMMON} "%(f)s" "%(a)s"`;
const TIMED =
  `${COMBINED} total_us=%(D)s queue_us=%(queue_us)s application_us=%(application_us)s ` +
  "worker=%(worker)s generation=%(generation)s retries=%(retries)s request_id=%(request_id)s";

/** Names of formats, and the format strings that they stand for; null where there is none. */
const NAMED_FORMATS: Readonly<Record<string, string | null>> = {
  common: COMMON,
  combined: COMBINED,
  timed: TIMED,
  json: null,
};

/** The names that a format can be given by. */
export const FORMAT_NAMES: readonly string[] = Object.keys(NAMED_FORMATS);

/**
 * @param text a name of {@link FORMAT_NAMES}, or a format string
 * @returns what is wrong with it where something is
 */
export function lineFormat(text: string): LineFormat | FormatMistake {
  if (text === "json")
    return { kind: "line-format", line: jsonLines(), readsResponseFields: false };
  const named = Object.hasOwn(NAMED_FORMATS, text) ? NAMED_FORMATS[text] : null;
  const parsed = parseFormat(named ?? text);
  if (parsed.kind === "mistake") return parsed;
  const { pieces } = parsed;
  if (pieces.every(({ kind }) => kind === "text")) return noAtoms(text);
  return compile(pieces);
}

/** For a person at a terminal. */
export function columnFormat(hasColours: boolean): LineFormat {
  return { kind: "line-format", line: columnLines(hasColours), readsResponseFields: false };
}

/** A part of a line: what it reads, and the text behind that. */
interface LinePart {
  readonly read: Atom["read"];
  text: string;
}

function compile(pieces: readonly FormatPiece[]): LineFormat | FormatMistake {
  const parts: LinePart[] = [];
  let repeating: Repeating[] = [];
  let repeatedParts = 0;
  const closeRepeating = (): void => {
    if (repeating.length > 0) {
      parts.push({ read: repeatedPart(repeatedParts, repeating), text: "" });
      repeatedParts++;
    }
    repeating = [];
  };
  for (const piece of pieces) {
    const atom = piece.kind === "text" ? asBytes(piece.text) : atomFor(piece);
    if (typeof atom === "string") {
      const last = parts.at(-1);
      if (repeating.length > 0 || last === undefined) repeating.push(atom);
      else last.text += atom;
    } else if ("position" in atom) {
      return atom;
    } else if (atom.repeats) {
      repeating.push(atom.read);
    } else {
      closeRepeating();
      parts.push({ read: atom.read, text: "" });
    }
  }
  repeating.push("\n");
  closeRepeating();
  const readsResponseFields = pieces.some((piece) => "letter" in piece && piece.letter === "o");
  return { kind: "line-format", line: lineOf(parts), readsResponseFields };
}

/**
 * What each part said last is kept with the text behind it, in one piece: most say the same again,
 * and each piece of a line costs when it is written.
 */
function lineOf(parts: readonly LinePart[]): LineFormat["line"] {
  const reads = parts.map(({ read }) => read);
  const texts = parts.map(({ text }) => text);
  const lastRead = parts.map(() => "");
  const lastSaid = [...texts];
  return (record) => {
    let line = "";
    for (let index = 0; index < reads.length; index++) {
      const read = (reads[index] as Atom["read"])(record);
      if (read !== lastRead[index]) {
        lastRead[index] = read;
        lastSaid[index] = read + (texts[index] as string);
      }
      line += lastSaid[index] as string;
    }
    return line;
  };
}

/** Text, or what is read of a record as long as the client repeats itself. */
type Repeating = string | Atom["read"];

/** Everything of a line between two things that change. */
function repeatedPart(number: number, repeating: readonly Repeating[]): Atom["read"] {
  const join = (record: AccessRecord): string =>
    repeating.map((one) => (typeof one === "string" ? one : one(record))).join("");
  return (record) => (record.repeated.texts[number] ??= join(record));
}

function atomFor(piece: Exclude<FormatPiece, { kind: "text" }>): Atom | FormatMistake {
  const { name, position } = piece;
  if (piece.kind === "named-atom") {
    const { letter } = piece;
    if (letter === "i" || letter === "o" || letter === "e") return namedAtom(name, letter);
    const what =
      "a name in braces is followed by i (a field of the request), o (of the answer) or " +
      `e (an entry of the environ), as in %({${name}}i)s`;
    return { kind: "mistake", position, what };
  }
  const atom = atomOf(name);
  if (atom !== null) return atom;
  const nearest = name.length > 1 ? nearestName(name, ATOM_NAMES) : null;
  const hint =
    nearest === null ? `; there are ${ATOM_NAMES.join(" ")}` : `; did you mean %(${nearest})s?`;
  return { kind: "mistake", position, what: `there is no atom %(${name})s${hint}` };
}

function noAtoms(text: string): FormatMistake {
  const nearest = nearestName(text, FORMAT_NAMES);
  const hint = nearest === null ? "" : `; did you mean ${nearest}?`;
  const names = FORMAT_NAMES.join(", ");
  return {
    kind: "mistake",
    position: 1,
    what: `neither a name (${names}) nor a format with an atom such as %(h)s${hint}`,
  };
}

/** Lines are written as latin-1, so text beyond ASCII becomes the bytes of its UTF-8 beforehand. */
function asBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
