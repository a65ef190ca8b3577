/**
 * Makes connections full of requests from the grammar of RFC 9112: most are in order, some break a
 * rule at one place, so that what follows is still understood if the rule is not kept.
 */
import { Dice } from "./dice.ts";

/** How often an alternative that breaks a rule is taken. */
const FAULT_CHANCE = 0.04;

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"];
const ODD_METHODS = ["get", "M-SEARCH", "X", "!#$%&'*+-.^_`|~", "A".repeat(36), "POST"];
const BAD_METHODS = ["", "G(T", "GET ", "A".repeat(37), "\x16\x03\x01", "GE\tT", "G\u00c9T"];

const PATHS = ["/", "/a/b", "/%2e%2e/", "//a", "/a;b=c", "/caf\u00e9", "/|^`{}", "/../.."];
const QUERIES = ["", "?", "?a=b", "?a?b", "?%00", "?a=/&b"];
const HOSTS = ["a", "example.org", "192.0.2.1", "[::1]", "[2001:db8::1.2.3.4]", "[v1.x]", "%41"];
const BAD_HOSTS = [
  "",
  "a b",
  "a@b",
  "a/b",
  "[::1",
  "[::1]x",
  "a:b",
  "a:65536",
  "%4",
  "[fe80::%25a]",
];
const PORTS = ["", "", ":", ":80", ":0080", ":65535"];
const BAD_TARGETS = [
  "",
  "a",
  "*",
  "/a#b",
  "/a b",
  "http:/a",
  "https://",
  "ftp://a/",
  "/\x7f",
  "/\t",
];

const VERSIONS = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2"];
const BAD_VERSIONS = ["HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.", "HTTP/11", "HTTP/1.1 ", ""];

const NAMES = ["X-A", "Accept", "Cookie", "x_y", "Te", "Via", "~", "Trailer", "Upgrade", "Range"];
const BAD_NAMES = ["", "X A", "X:", "X ", " X", "\tX", "X\u00e9", "X(", "X\0"];
const VALUES = ["b", "", "a, b", '"q\\"uo,te"', "caf\u00e9 \u00ff", "a\tb", "v".repeat(60), "0"];
const BAD_VALUES = ["\0", "a\rb", "a\nb", "\x7f", "a\r\n b", "a\x0bb", "\x1b"];
const SPACES = ["", " ", "  ", "\t", " \t "];

const CONNECTIONS = ["close", "keep-alive", "Close", "upgrade", "x, close", "keep-alive, x", ","];
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
const EXPECTATIONS = ["100-continue", "100-Continue", "100-continue, 100-continue"];
const BAD_EXPECTATIONS = ["tea", "100-continue, tea", "100-continue;a"];

const EXTENSIONS = [";a", ";a=b", ' ; a = "b\\"c"', "\t;a;b", ';a=""', ";a=1;b=2"];
const BAD_EXTENSIONS = [";", " ", ";a=", ';a="b', ";a b", "; =b", ";\u00e9", ";a=\n"];
const SIZE_FAULTS = ["0x3", "-1", "", "g", " 3", "3 ", "ffffffffffffffff", "3\n"];
const LINE_ENDS = ["\r\n"];
const BAD_LINE_ENDS = ["\n", "\r", "\n\r", "\r\r\n", " \r\n", ""];

export class RequestGenerator {
  readonly #dice: Dice;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** Everything that a client sends: a few requests, the last one sometimes cut off. */
  connection(): Buffer {
    const dice = this.#dice;
    const requests = dice.many(dice.between(1, 4), () => this.#request());
    // Clients repeat their heads, and the receiver knows them again.
    const [first = ""] = requests;
    if (dice.chance(0.4)) requests.push(...dice.many(dice.between(1, 2), () => this.#again(first)));
    const text = requests.join("");
    const length = dice.chance(0.1) ? dice.below(text.length + 1) : text.length;
    return Buffer.from(text.slice(0, length), "latin1");
  }

  /** The same request, or one of which only the request line is another. */
  #again(request: string): string {
    const dice = this.#dice;
    const change = dice.pick([
      (line: string) => line,
      (line: string) => line.replace("HTTP/1.1", "HTTP/1.0"),
      (line: string) => line.replace("HTTP/1.0", "HTTP/1.1"),
      (line: string) => line.replace(/^[A-Z]+/, dice.pick(METHODS)),
      (line: string) => line.replace(" /", ` /${"a".repeat(dice.below(60))}`),
    ]);
    return request.replace(/.*/, change);
  }

  /** One of the good ones, and rarely one of the bad ones. */
  #of(good: readonly string[], bad: readonly string[]): string {
    return this.#dice.pick(this.#dice.chance(FAULT_CHANCE) ? bad : good);
  }

  #lineEnd(): string {
    return this.#dice.chance(0.01) ? this.#dice.pick(BAD_LINE_ENDS) : (LINE_ENDS[0] ?? "");
  }

  #request(): string {
    const dice = this.#dice;
    const method = this.#of(dice.chance(0.2) ? ODD_METHODS : METHODS, BAD_METHODS);
    const version = this.#of(VERSIONS, BAD_VERSIONS);
    const before = dice.chance(0.1) ? "\r\n".repeat(dice.between(1, 5)) : "";
    const { lines, content } = this.#content();
    lines.push(...dice.many(dice.below(4), () => this.#anyLine()));
    if (version !== "HTTP/1.0" || dice.chance(0.5)) lines.push(this.#host());
    if (dice.chance(0.2)) lines.push(this.#line("Connection", dice.pick(CONNECTIONS)));
    if (dice.chance(0.15))
      lines.push(this.#line("Expect", this.#of(EXPECTATIONS, BAD_EXPECTATIONS)));
    if (dice.chance(FAULT_CHANCE)) lines.push(dice.pick(lines.length > 0 ? lines : [""]));
    const requestLine = `${method} ${this.#target(method)} ${version}${this.#lineEnd()}`;
    return `${before}${requestLine}${lines.join("")}${this.#lineEnd()}${content}`;
  }

  #target(method: string): string {
    const dice = this.#dice;
    const authority = this.#of(HOSTS, BAD_HOSTS) + dice.pick(PORTS);
    if (method === "CONNECT" && dice.chance(0.9)) return `${authority.split(":")[0]}:443`;
    if (method === "OPTIONS" && dice.chance(0.3)) return "*";
    const rest = dice.pick(PATHS) + dice.pick(QUERIES);
    const scheme = dice.pick(["http", "HTTP", "https"]);
    if (dice.chance(0.15)) return `${scheme}://${authority}${dice.chance(0.8) ? rest : ""}`;
    return this.#of([rest], BAD_TARGETS);
  }

  #host(): string {
    return this.#line("Host", this.#of(HOSTS, BAD_HOSTS) + this.#dice.pick(PORTS));
  }

  #anyLine(): string {
    return this.#line(this.#of(NAMES, BAD_NAMES), this.#of(VALUES, BAD_VALUES));
  }

  #line(name: string, value: string): string {
    const dice = this.#dice;
    const spelled = dice.chance(0.3) ? name.toLowerCase() : name;
    return `${spelled}:${dice.pick(SPACES)}${value}${dice.pick(SPACES)}${this.#lineEnd()}`;
  }

  #content(): { lines: string[]; content: string } {
    const dice = this.#dice;
    const lines: string[] = [];
    let content = "";
    const kind = dice.pick(["none", "none", "length", "chunked"]);
    if (kind === "length") {
      content = this.#data(dice.below(40));
      const length = `${dice.chance(0.1) ? "00" : ""}${content.length}`;
      lines.push(this.#line("Content-Length", this.#of([length], BAD_LENGTHS)));
      if (dice.chance(0.02)) content += this.#data(3);
    } else if (kind === "chunked") {
      content = this.#chunks();
      lines.push(this.#line("Transfer-Encoding", this.#of(CODINGS, BAD_CODINGS)));
      if (dice.chance(FAULT_CHANCE)) lines.push(this.#line("Content-Length", "3"));
    }
    return { lines, content };
  }

  #chunks(): string {
    const dice = this.#dice;
    const chunks = dice.many(dice.below(4), () => this.#chunk());
    const trailers = dice.chance(0.3) ? dice.many(dice.between(1, 3), () => this.#anyLine()) : [];
    return `${chunks.join("")}${this.#sizeLine(0)}${trailers.join("")}${this.#lineEnd()}`;
  }

  #chunk(): string {
    const data = this.#data(this.#dice.between(1, 20));
    return this.#sizeLine(data.length) + data + this.#lineEnd();
  }

  #sizeLine(size: number): string {
    const dice = this.#dice;
    const digits = size.toString(16).padStart(dice.chance(0.1) ? 4 : 1, "0");
    const spelled = dice.chance(0.3) ? digits.toUpperCase() : digits;
    const extension = dice.chance(0.2) ? this.#of(EXTENSIONS, BAD_EXTENSIONS) : "";
    return this.#of([spelled], SIZE_FAULTS) + extension + this.#lineEnd();
  }

  /** Any bytes, and often such as could be taken for what stands around them. */
  #data(length: number): string {
    const dice = this.#dice;
    if (dice.chance(0.2)) return "0\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n".slice(0, length);
    return String.fromCharCode(...dice.many(length, () => dice.below(256)));
  }
}
