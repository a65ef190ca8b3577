/**
 * Makes connections full of requests from the grammar of RFC 9112: most are in order, some break a
 * rule at one place, so that what follows is still understood if the rule is not kept.
 */
import type { Dice } from "./dice.ts";
import { FAULT_CHANCE, MessageParts } from "./message-parts.ts";

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

const CONNECTIONS = ["close", "keep-alive", "Close", "upgrade", "x, close", "keep-alive, x", ","];
const EXPECTATIONS = ["100-continue", "100-Continue", "100-continue, 100-continue"];
const BAD_EXPECTATIONS = ["tea", "100-continue, tea", "100-continue;a"];

export class RequestGenerator {
  readonly #dice: Dice;
  readonly #parts: MessageParts;

  constructor(dice: Dice) {
    this.#dice = dice;
    this.#parts = new MessageParts(dice, "GET / HTTP/1.1\r\nHost: b\r\n\r\n");
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

  #request(): string {
    const dice = this.#dice;
    const method = this.#parts.of(dice.chance(0.2) ? ODD_METHODS : METHODS, BAD_METHODS);
    const version = this.#parts.of(VERSIONS, BAD_VERSIONS);
    const before = dice.chance(0.1) ? "\r\n".repeat(dice.between(1, 5)) : "";
    const { lines, content } = this.#parts.content();
    lines.push(...dice.many(dice.below(4), () => this.#parts.anyLine()));
    if (version !== "HTTP/1.0" || dice.chance(0.5)) lines.push(this.#host());
    if (dice.chance(0.2)) lines.push(this.#parts.line("Connection", dice.pick(CONNECTIONS)));
    if (dice.chance(0.15))
      lines.push(this.#parts.line("Expect", this.#parts.of(EXPECTATIONS, BAD_EXPECTATIONS)));
    if (dice.chance(FAULT_CHANCE)) lines.push(dice.pick(lines.length > 0 ? lines : [""]));
    const requestLine = `${method} ${this.#target(method)} ${version}${this.#parts.lineEnd()}`;
    return `${before}${requestLine}${lines.join("")}${this.#parts.lineEnd()}${content}`;
  }

  #target(method: string): string {
    const dice = this.#dice;
    const authority = this.#parts.of(HOSTS, BAD_HOSTS) + dice.pick(PORTS);
    if (method === "CONNECT" && dice.chance(0.9)) return `${authority.split(":")[0]}:443`;
    if (method === "OPTIONS" && dice.chance(0.3)) return "*";
    const rest = dice.pick(PATHS) + dice.pick(QUERIES);
    const scheme = dice.pick(["http", "HTTP", "https"]);
    if (dice.chance(0.15)) return `${scheme}://${authority}${dice.chance(0.8) ? rest : ""}`;
    return this.#parts.of([rest], BAD_TARGETS);
  }

  #host(): string {
    return this.#parts.line("Host", this.#parts.of(HOSTS, BAD_HOSTS) + this.#dice.pick(PORTS));
  }
}
