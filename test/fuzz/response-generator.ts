/**
 * Makes connections full of responses from the grammar of RFC 9112, most of them in order, as
 * `request-generator.ts` does it for requests.
 */
import type { Dice } from "./dice.ts";
import { FAULT_CHANCE, MessageParts } from "./message-parts.ts";

const STATUSES = ["200", "200", "200", "201", "204", "205", "206", "301", "304", "404", "503"];
const ODD_STATUSES = ["299", "600", "799", "999"];
const BAD_STATUSES = ["", "20", "2000", "020", "0", "2x0", "099", "-20", " 200"];
const INTERIM_STATUSES = ["100", "102", "103", "199"];

const REASONS = ["OK", "", "Not \t Found", "caf\u00e9 \u00ff", "HTTP/1.1 200 OK", "r".repeat(50)];
const BAD_REASONS = ["\0", "a\rb", "a\nb", "\x7f", "\x1b[2J"];

const VERSIONS = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.9"];
const BAD_VERSIONS = ["HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.", "HTTP/11", " HTTP/1.1", ""];

const CONNECTIONS = ["close", "keep-alive", "Close", "upgrade", "x, close", "keep-alive, x", ","];
const FOLDS = [" more", "\tmore", " ", "\t \t", "  chunked", " 5"];

export class ResponseGenerator {
  readonly #dice: Dice;
  readonly #parts: MessageParts;

  constructor(dice: Dice) {
    this.#dice = dice;
    this.#parts = new MessageParts(dice, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }

  /** Everything that a server sends: a few answers, the last one sometimes cut off. */
  connection(): Buffer {
    const dice = this.#dice;
    const answers = dice.many(dice.between(1, 3), () => this.#answer());
    // Servers repeat their heads, and the receiver knows them again.
    const [first = ""] = answers;
    if (dice.chance(0.4)) answers.push(...dice.many(dice.between(1, 2), () => first));
    const text = answers.join("");
    const length = dice.chance(0.1) ? dice.below(text.length + 1) : text.length;
    return Buffer.from(text.slice(0, length), "latin1");
  }

  #answer(): string {
    const dice = this.#dice;
    const isPreceded = dice.chance(0.15);
    const interim = isPreceded ? dice.many(dice.between(1, 3), () => this.#interim()) : [];
    return interim.join("") + this.#final();
  }

  #interim(): string {
    const status = this.#parts.of(INTERIM_STATUSES, ["101"]);
    const lines = this.#dice.many(this.#dice.below(2), () => this.#parts.anyLine());
    return this.#statusLine(status) + lines.join("") + this.#parts.lineEnd();
  }

  #final(): string {
    const dice = this.#dice;
    const { lines, content } = this.#parts.content();
    // An answer without a length ends with the connection: what is behind it is not looked at.
    if (lines.length === 0 && dice.chance(0.7)) lines.push(this.#parts.line("Content-Length", "0"));
    lines.push(...dice.many(dice.below(4), () => this.#line()));
    if (dice.chance(0.2)) lines.push(this.#parts.line("Connection", dice.pick(CONNECTIONS)));
    if (dice.chance(FAULT_CHANCE)) lines.push(dice.pick(lines.length > 0 ? lines : [""]));
    const good = dice.chance(0.1) ? ODD_STATUSES : STATUSES;
    const statusLine = this.#statusLine(this.#parts.of(good, BAD_STATUSES));
    return `${statusLine}${lines.join("")}${this.#parts.lineEnd()}${content}`;
  }

  #statusLine(status: string): string {
    const version = this.#parts.of(VERSIONS, BAD_VERSIONS);
    const reason = this.#parts.of(REASONS, BAD_REASONS);
    return `${version} ${status} ${reason}${this.#parts.lineEnd()}`;
  }

  /** Sometimes it goes on in the next one (obs-fold), which a user agent understands. */
  #line(): string {
    const line = this.#parts.anyLine();
    const isFolded = this.#dice.chance(0.1);
    return isFolded ? `${line}${this.#dice.pick(FOLDS)}${this.#parts.lineEnd()}` : line;
  }
}
