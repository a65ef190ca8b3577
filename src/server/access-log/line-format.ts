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
import type { LineMemory } from "./line-memory.ts";
import { partOf, RepeatingText } from "./repeating-text.ts";

export interface LineFormat {
  readonly kind: "line-format";
  /** Writes the line of a record, with its line end: printable ASCII, but for colours. */
  readonly write: (record: AccessRecord, memory: LineMemory) => void;
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
    return { kind: "line-format", write: jsonLines(), readsResponseFields: false };
  const named = Object.hasOwn(NAMED_FORMATS, text) ? NAMED_FORMATS[text] : null;
  const parsed = parseFormat(named ?? text);
  if (parsed.kind === "mistake") return parsed;
  const { pieces } = parsed;
  if (pieces.every(({ kind }) => kind === "text")) return noAtoms(text);
  return compile(pieces);
}

/** For a person at a terminal. */
export function columnFormat(hasColours: boolean): LineFormat {
  const line = columnLines(hasColours);
  return {
    kind: "line-format",
    write: (record, memory) => memory.text(line(record)),
    readsResponseFields: false,
  };
}

/** What of a line changes by itself, and the text behind that. */
interface ChangingPart {
  readonly read: Atom["read"];
  text: string;
}

/** Text, and what is read of a record as long as its client repeats itself. */
type RepeatingPart = (string | Atom["read"])[];

const LINE_END: FormatPiece = { kind: "text", text: "\n" };

function compile(pieces: readonly FormatPiece[]): LineFormat | FormatMistake {
  const parts: (ChangingPart | RepeatingPart)[] = [[]];
  for (const piece of [...pieces, LINE_END]) {
    const atom = piece.kind === "text" ? asBytes(piece.text) : atomFor(piece);
    const last = parts.at(-1) as ChangingPart | RepeatingPart;
    if (typeof atom === "string") {
      if (Array.isArray(last)) last.push(atom);
      else last.text += atom;
    } else if ("position" in atom) {
      return atom;
    } else if (!atom.repeats) {
      parts.push({ read: atom.read, text: "" });
    } else if (Array.isArray(last)) {
      last.push(atom.read);
    } else {
      parts.push([atom.read]);
    }
  }
  const readsResponseFields = pieces.some((piece) => "letter" in piece && piece.letter === "o");
  return { kind: "line-format", write: writerOf(parts), readsResponseFields };
}

function writerOf(parts: readonly (ChangingPart | RepeatingPart)[]): LineFormat["write"] {
  let repeatingCount = 0;
  const writers = parts
    .filter((part) => !Array.isArray(part) || part.length > 0)
    .map((part) =>
      Array.isArray(part) ? repeatingWriter(repeatingCount++, part) : changingWriter(part),
    );
  return (record, memory) => {
    for (let index = 0; index < writers.length; index++) {
      (writers[index] as LineFormat["write"])(record, memory);
    }
  };
}

/** What it said last is kept together with the text behind it: most say the same again. */
function changingWriter({ read, text }: ChangingPart): LineFormat["write"] {
  const repeating = new RepeatingText();
  let last: string | null = null;
  return (record, memory) => {
    const said = read(record);
    if (said !== last) repeating.become(said + text);
    last = said;
    repeating.write(memory);
  };
}

/** Put together once, and kept with the client's connection. */
function repeatingWriter(number: number, part: RepeatingPart): LineFormat["write"] {
  const join = (record: AccessRecord): string =>
    part.map((one) => (typeof one === "string" ? one : one(record))).join("");
  return (record, memory) => {
    const { parts } = record.repeated;
    memory.part((parts[number] ??= partOf(join(record))));
  };
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
