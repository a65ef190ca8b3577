/**
 * Parses response heads from bytes that arrive in any pieces (RFC 9112 sections 2, 4 and 5).
 *
 * A line is looked at when it is complete, and the first bytes of a head at once, so that what is
 * no HTTP is known without waiting for a line end. What is refused depends on the bytes alone and
 * never on how they were cut. A head that repeats the last one byte by byte, as most do within a
 * second, costs a comparison and not a parse.
 */
import { trimOws } from "../http/fields.ts";
import { CR, FIELD_VALUE, HTAB, LF, SP, TCHAR } from "./grammar.ts";
import { RememberedBytes } from "./remembered-bytes.ts";
import type { VersionMinor } from "./request-head.ts";
import { ResponseHead } from "./response-head.ts";
import { badResponse } from "./response-violations.ts";

export interface ResponseHeadLimits {
  /** Bytes of the status line and the header section, with the empty line at the end. */
  readonly headLimitBytes: number;
  readonly fieldCountMax: number;
}

const BEGINNING = /* @__PURE__ */ Buffer.from("HTTP/");
const STATUS_LINE = /^HTTP\/(\d)\.(\d) ([1-9]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/;

export class ResponseHeadParser {
  /** Bytes of the head that `parse` returned last. */
  length = 0;
  readonly #limits: ResponseHeadLimits;
  readonly #remembered = new RememberedBytes();
  #rememberedHead: ResponseHead | null = null;
  #rememberedMethod = "";
  /** Both count from the head's first byte, whose place in memory may change between calls. */
  #scanned = 0;
  #lineStart = 0;
  #status = 0;
  #versionMinor: VersionMinor = 1;
  #reason = "";
  #names: string[] = [];
  #values: string[] = [];

  constructor(limits: ResponseHeadLimits) {
    this.#limits = limits;
  }

  /**
   * Goes on with the head that begins at `start`, of which the bytes before `end` have arrived.
   *
   * @param method of the request that it answers
   * @returns the head, with its size in {@link length}; null while it is not complete
   * @throws {ProtocolError} the parser must not be used afterwards
   * @bound O(bytes not seen before), never beyond {@link ResponseHeadLimits}
   */
  parse(bytes: Buffer, start: number, end: number, method: string): ResponseHead | null {
    const repeated = this.#scanned === 0 ? this.#repeatedAt(bytes, start, end, method) : null;
    if (repeated !== null) return repeated;
    const limit = start + this.#limits.headLimitBytes;
    const stop = Math.min(end, limit);
    if (this.#lineStart === 0) checkBeginning(bytes, start, stop);
    let at = start + this.#scanned;
    for (;;) {
      while (at < stop && bytes[at] !== LF) at++;
      this.#scanned = at - start;
      if (at === stop) break;
      const lineStart = start + this.#lineStart;
      if (at === lineStart || bytes[at - 1] !== CR) throw badResponse("BARE_LF");
      this.#lineStart = ++at - start;
      if (lineStart === start) this.#readStatusLine(bytes.toString("latin1", lineStart, at - 2));
      else if (at - 2 === lineStart) return this.#finish(bytes, start, at, method);
      else this.#readFieldLine(bytes, lineStart, at - 2);
    }
    if (stop === limit) throw badResponse("HEAD_TOO_LARGE");
    return null;
  }

  #repeatedAt(bytes: Buffer, start: number, end: number, method: string): ResponseHead | null {
    const { length } = this.#remembered;
    if (length === 0 || end - start < length || method !== this.#rememberedMethod) return null;
    if (!this.#remembered.equals(bytes, start, 0, length)) return null;
    this.length = length;
    return this.#rememberedHead;
  }

  #readStatusLine(line: string): void {
    const match = STATUS_LINE.exec(line);
    if (match === null) throw badResponse("STATUS_LINE_INVALID");
    const [, major, minor, status, reason = ""] = match;
    if (major !== "1") throw badResponse("VERSION_UNSUPPORTED");
    this.#versionMinor = minor === "0" ? 0 : 1;
    this.#status = Number(status);
    this.#reason = reason;
    this.#names = [];
    this.#values = [];
  }

  #readFieldLine(bytes: Buffer, start: number, end: number): void {
    if (isWhiteSpace(bytes[start])) {
      this.#readFoldedLine(bytes, start, end);
      return;
    }
    let colon = start;
    while (colon < end && TCHAR[bytes[colon] as number] === 1) colon++;
    if (colon === start || bytes[colon] !== 0x3a) throw badResponse("FIELD_LINE_INVALID");
    if (this.#names.length === this.#limits.fieldCountMax) throw badResponse("TOO_MANY_FIELDS");
    const name = bytes.toString("latin1", start, colon).toLowerCase();
    if (name === "content-length" && this.#names.includes(name)) {
      throw badResponse("CONTENT_LENGTH_REPEATED");
    }
    this.#names.push(name);
    this.#values.push(valueAt(bytes, colon + 1, end));
  }

  /** A user agent takes a line that goes on with the value before as one space (section 5.2). */
  #readFoldedLine(bytes: Buffer, start: number, end: number): void {
    const before = this.#values.pop();
    if (before === undefined) throw badResponse("SPACE_BEFORE_FIELDS");
    this.#values.push(trimOws(`${before} ${valueAt(bytes, start, end)}`));
  }

  #finish(bytes: Buffer, start: number, end: number, method: string): ResponseHead {
    const head = new ResponseHead(
      method,
      this.#status,
      this.#versionMinor,
      this.#reason,
      this.#names,
      this.#values,
    );
    this.length = end - start;
    this.#scanned = 0;
    this.#lineStart = 0;
    this.#remembered.remember(bytes, start, end);
    this.#rememberedHead = head;
    this.#rememberedMethod = method;
    return head;
  }
}

function isWhiteSpace(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
}

function valueAt(bytes: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (FIELD_VALUE[bytes[at] as number] === 0) throw badResponse("FIELD_LINE_INVALID");
  }
  return trimOws(bytes.toString("latin1", start, end));
}

function checkBeginning(bytes: Buffer, start: number, stop: number): void {
  const length = Math.min(stop - start, BEGINNING.length);
  for (let index = 0; index < length; index++) {
    if (bytes[start + index] !== BEGINNING[index]) throw badResponse("STATUS_LINE_INVALID");
  }
}
