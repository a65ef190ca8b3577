/**
 * What requests and responses have in common on the wire, made from the grammar of RFC 9112: field
 * lines, and contents with what announces them. Most is in order, some of it breaks a rule.
 */
import type { Dice } from "./dice.ts";

/** How often an alternative that breaks a rule is taken. */
export const FAULT_CHANCE = 0.04;

const NAMES = ["X-A", "Accept", "Cookie", "x_y", "Te", "Via", "~", "Trailer", "Upgrade", "Range"];
const BAD_NAMES = ["", "X A", "X:", "X ", " X", "\tX", "X\u00e9", "X(", "X\0"];
const VALUES = ["b", "", "a, b", '"q\\"uo,te"', "caf\u00e9 \u00ff", "a\tb", "v".repeat(60), "0"];
const BAD_VALUES = ["\0", "a\rb", "a\nb", "\x7f", "a\r\n b", "a\x0bb", "\x1b"];
const SPACES = ["", " ", "  ", "\t", " \t "];

const CODINGS = ["chunked", "Chunked"];
const BAD_CODINGS = [
  "gzip, chunked",
  "chunked, chunked",
  "chunked, gzip",
  "chunked,",
  "",
  "xchunked",
];
const BAD_LENGTHS = ["", "+1", "-1", "1, 1", "0x1", "1 1", "9007199254740993", "1.0", "\u0661"];
const EXTENSIONS = [";a", ";a=b", ' ; a = "b\\"c"', "\t;a;b", ';a=""', ";a=1;b=2"];
const BAD_EXTENSIONS = [";", " ", ";a=", ';a="b', ";a b", "; =b", ";\u00e9", ";a=\n"];
const SIZE_FAULTS = ["0x3", "-1", "", "g", " 3", "3 ", "ffffffffffffffff", "3\n"];
const LINE_ENDS = ["\r\n"];
const BAD_LINE_ENDS = ["\n", "\r", "\n\r", "\r\r\n", " \r\n", ""];

export class MessageParts {
  readonly #dice: Dice;
  readonly #decoy: string;

  /** @param decoy a message, which contents are sometimes made to look like */
  constructor(dice: Dice, decoy: string) {
    this.#dice = dice;
    this.#decoy = decoy;
  }

  /** One of the good ones, and rarely one of the bad ones. */
  of(good: readonly string[], bad: readonly string[]): string {
    return this.#dice.pick(this.#dice.chance(FAULT_CHANCE) ? bad : good);
  }

  lineEnd(): string {
    return this.#dice.chance(0.01) ? this.#dice.pick(BAD_LINE_ENDS) : (LINE_ENDS[0] ?? "");
  }

  anyLine(): string {
    return this.line(this.of(NAMES, BAD_NAMES), this.of(VALUES, BAD_VALUES));
  }

  line(name: string, value: string): string {
    const dice = this.#dice;
    const spelled = dice.chance(0.3) ? name.toLowerCase() : name;
    return `${spelled}:${dice.pick(SPACES)}${value}${dice.pick(SPACES)}${this.lineEnd()}`;
  }

  content(): { lines: string[]; content: string } {
    const dice = this.#dice;
    const lines: string[] = [];
    let content = "";
    const kind = dice.pick(["none", "none", "length", "chunked"]);
    if (kind === "length") {
      content = this.#data(dice.below(40));
      const length = `${dice.chance(0.1) ? "00" : ""}${content.length}`;
      lines.push(this.line("Content-Length", this.of([length], BAD_LENGTHS)));
      if (dice.chance(0.02)) content += this.#data(3);
    } else if (kind === "chunked") {
      content = this.#chunks();
      lines.push(this.line("Transfer-Encoding", this.of(CODINGS, BAD_CODINGS)));
      if (dice.chance(FAULT_CHANCE)) lines.push(this.line("Content-Length", "3"));
    }
    return { lines, content };
  }

  #chunks(): string {
    const dice = this.#dice;
    const chunks = dice.many(dice.below(4), () => this.#chunk());
    const trailers = dice.chance(0.3) ? dice.many(dice.between(1, 3), () => this.anyLine()) : [];
    return `${chunks.join("")}${this.#sizeLine(0)}${trailers.join("")}${this.lineEnd()}`;
  }

  #chunk(): string {
    const data = this.#data(this.#dice.between(1, 20));
    return this.#sizeLine(data.length) + data + this.lineEnd();
  }

  #sizeLine(size: number): string {
    const dice = this.#dice;
    const digits = size.toString(16).padStart(dice.chance(0.1) ? 4 : 1, "0");
    const spelled = dice.chance(0.3) ? digits.toUpperCase() : digits;
    const extension = dice.chance(0.2) ? this.of(EXTENSIONS, BAD_EXTENSIONS) : "";
    return this.of([spelled], SIZE_FAULTS) + extension + this.lineEnd();
  }

  /** Any bytes, and often such as could be taken for what stands around them. */
  #data(length: number): string {
    const dice = this.#dice;
    if (dice.chance(0.2)) return `0\r\n\r\n${this.#decoy}`.slice(0, length);
    return String.fromCharCode(...dice.many(length, () => dice.below(256)));
  }
}
