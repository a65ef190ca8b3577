/**
 * Parses request heads from bytes that arrive in any pieces (RFC 9112 sections 2 to 5).
 *
 * The owner keeps the bytes of an unfinished head together; their place in memory may change
 * between calls, so all positions kept here count from the head's first byte. No byte is scanned
 * twice, save those of a header section that began like the last one and then differed.
 *
 * What is refused, and with which code, depends on the bytes alone and never on how they were cut:
 * each scanner stops at the limit that applies to it, and reports the first byte that breaks a
 * rule. An impossible head is therefore refused at that byte, without waiting for the rest.
 */
import { invariant } from "../base/errors.ts";
import { COLON, CR, FIELD_VALUE, HTAB, LF, PERIOD, QUESTION_MARK, SP } from "./grammar.ts";
import { TARGET, TCHAR } from "./grammar.ts";
import { checkTargetHost, OFFSETS_PER_FIELD, readHeaderSection } from "./header-section.ts";
import { RepeatedHead } from "./repeated-head.ts";
import {
  type HeaderSection,
  RequestHead,
  type RequestTarget,
  type VersionMinor,
} from "./request-head.ts";
import { interpretTarget } from "./request-target.ts";
import { violation } from "./violations.ts";

export interface HeadLimits {
  /** Bytes of the request line with its CRLF. */
  readonly requestLineLimitBytes: number;
  /** Bytes of the request line and the header section, with the empty line at the end. */
  readonly headLimitBytes: number;
  readonly fieldCountMax: number;
  /** Bytes of one field line with its CRLF. */
  readonly fieldLimitBytes: number;
}

/**
 * Twice the longest registered method. A longer one is not known to anybody: 501 (RFC 9112 section
 * 3).
 */
const METHOD_LENGTH_MAX = 36;
/** Of a field's name in an error. */
const SHOWN_NAME_MAX_BYTES = 64;
const TLS_HANDSHAKE_RECORD = 0x16;
const DIGIT_ZERO = 0x30;
const VERSION_NAME = /* @__PURE__ */ Buffer.from("HTTP/");
const HTTP_1_1 = /* @__PURE__ */ Buffer.from("HTTP/1.1\r\n");
const VERSION_LENGTH = HTTP_1_1.length;

type Phase = "method" | "target" | "version" | "repeated-section" | "fields";

export class HeadParser {
  /** Bytes of the head that `parse` returned last. */
  length = 0;
  readonly #limits: HeadLimits;
  readonly #lineLimitBytes: number;
  readonly #repeated = new RepeatedHead();
  #phase: Phase = "method";
  /** How far the head has been scanned. */
  #scanned = 0;
  #method = "";
  #targetStart = 0;
  #queryStart = -1;
  #targetEnd = 0;
  #rawTarget = "";
  #target: RequestTarget | null = null;
  #versionMinor: VersionMinor = 1;
  #sectionStart = 0;
  #lineStart = 0;
  /** Where the name of the present field line ends; -1 while it has not. */
  #colon = -1;
  #offsets: number[] = [];
  #fieldCount = 0;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
    this.#lineLimitBytes = Math.min(limits.requestLineLimitBytes, limits.headLimitBytes);
  }

  /**
   * Goes on with the head that begins at `start`, of which the bytes before `end` have arrived.
   *
   * @returns the head, with its size in {@link length}; null while it is not complete
   * @throws {ProtocolError} 400, 414, 417, 431, 501 or 505; the parser must not be used afterwards
   * @bound O(bytes not seen before), never beyond {@link HeadLimits}
   */
  parse(bytes: Buffer, start: number, end: number): RequestHead | null {
    if (this.#scanned === 0 && this.#isRepeated(bytes, start, end)) return this.#repeat();
    if (this.#phase === "method" && !this.#scanMethod(bytes, start, end)) return null;
    if (this.#phase === "target" && !this.#scanTarget(bytes, start, end)) return null;
    if (this.#phase === "version" && !this.#scanVersion(bytes, start, end)) return null;
    if (this.#phase === "repeated-section") {
      const found = this.#compareSection(bytes, start, end);
      if (found !== "different") return found;
    }
    return this.#scanFields(bytes, start, end) ? this.#readSection(bytes, start) : null;
  }

  /** The method of the head that is being parsed or was refused; null where it is not known. */
  get method(): string | null {
    return this.#phase === "method" ? null : this.#method;
  }

  /** Whether the whole head is there, and is the one that is remembered. */
  #isRepeated(bytes: Buffer, start: number, end: number): boolean {
    const { length } = this.#repeated;
    return length > 0 && end - start >= length && this.#repeated.equals(bytes, start, 0, length);
  }

  #repeat(): RequestHead {
    const { target, section, length } = this.#repeated;
    invariant(target !== null && section !== null, "what is remembered was understood");
    this.length = length;
    return new RequestHead(target, section);
  }

  #scanMethod(bytes: Buffer, start: number, end: number): boolean {
    const stop = Math.min(end, start + this.#lineLimitBytes);
    let at = start + this.#scanned;
    while (at < stop && TCHAR[bytes[at] as number] === 1) at++;
    if (at - start > METHOD_LENGTH_MAX) throw violation("METHOD_TOO_LONG");
    this.#scanned = at - start;
    if (at === stop) return this.#awaitRequestLine();
    const byte = bytes[at];
    if (byte !== SP || at === start) {
      const isTls = byte === TLS_HANDSHAKE_RECORD && at === start;
      throw violation(isTls ? "TLS_ON_PLAIN_PORT" : "METHOD_INVALID");
    }
    this.#method = methodAt(bytes, start, at);
    this.#scanned++;
    this.#targetStart = this.#scanned;
    this.#queryStart = -1;
    this.#phase = "target";
    return true;
  }

  #scanTarget(bytes: Buffer, start: number, end: number): boolean {
    const stop = Math.min(end, start + this.#lineLimitBytes);
    let at = start + this.#scanned;
    if (this.#queryStart === -1) {
      let byte = 0;
      while (at < stop && TARGET[(byte = bytes[at] as number)] === 1 && byte !== QUESTION_MARK) {
        at++;
      }
      if (at < stop && byte === QUESTION_MARK) this.#queryStart = at - start - this.#targetStart;
    }
    while (at < stop && TARGET[bytes[at] as number] === 1) at++;
    this.#scanned = at - start;
    if (at === stop) return this.#awaitRequestLine();
    if (bytes[at] !== SP || this.#scanned === this.#targetStart) throw violation("TARGET_INVALID");
    this.#targetEnd = this.#scanned;
    this.#scanned++;
    this.#rawTarget = bytes.toString("latin1", start + this.#targetStart, at);
    this.#phase = "version";
    return true;
  }

  #scanVersion(bytes: Buffer, start: number, end: number): boolean {
    const stop = Math.min(end, start + this.#lineLimitBytes);
    const versionStart = start + this.#targetEnd + 1;
    const versionEnd = versionStart + VERSION_LENGTH;
    if (stop < versionEnd || !isHttp11(bytes, versionStart)) {
      for (let at = start + this.#scanned; at < Math.min(stop, versionEnd); at++) {
        checkVersionByte(bytes[at] as number, at - versionStart);
      }
    }
    this.#scanned = Math.min(stop, versionEnd) - start;
    if (stop < versionEnd) return this.#awaitRequestLine();
    if (bytes[versionStart + 5] !== DIGIT_ZERO + 1) throw violation("VERSION_UNSUPPORTED");
    this.#versionMinor = bytes[versionStart + 7] === DIGIT_ZERO ? 0 : 1;
    // The form is judged after the version: HTTP/2's preface is `PRI *`.
    this.#target = interpretTarget(this.#method, this.#rawTarget, this.#queryStart);
    this.#beginSection();
    return true;
  }

  /** @throws {ProtocolError} 414 where the line may not become any longer */
  #awaitRequestLine(): false {
    if (this.#scanned >= this.#lineLimitBytes) throw violation("REQUEST_LINE_TOO_LONG");
    return false;
  }

  #beginSection(): void {
    this.#sectionStart = this.#scanned;
    this.#lineStart = this.#scanned;
    this.#colon = -1;
    this.#fieldCount = 0;
    const { section, length, lineLength } = this.#repeated;
    const mayRepeat =
      section !== null &&
      section.method === this.#method &&
      section.versionMinor === this.#versionMinor &&
      this.#sectionStart + length - lineLength <= this.#limits.headLimitBytes;
    this.#phase = mayRepeat ? "repeated-section" : "fields";
  }

  /** @returns null while the section is like the last one as far as it has arrived */
  #compareSection(bytes: Buffer, start: number, end: number): RequestHead | null | "different" {
    const { section, length, lineLength } = this.#repeated;
    const compared = this.#scanned - this.#sectionStart;
    const arrived = Math.min(end - start - this.#sectionStart, length - lineLength);
    const from = lineLength + compared;
    const isEqual = this.#repeated.equals(bytes, start + this.#scanned, from, lineLength + arrived);
    if (section === null || !isEqual) {
      this.#scanned = this.#sectionStart;
      this.#phase = "fields";
      return "different";
    }
    this.#scanned = this.#sectionStart + arrived;
    if (lineLength + arrived < length) return null;
    invariant(this.#target !== null, "the request line comes before the fields");
    return this.#finish(this.#target, section);
  }

  /** @returns whether the section is complete; its end is `scanned` then */
  #scanFields(bytes: Buffer, start: number, end: number): boolean {
    const limit = start + this.#limits.headLimitBytes;
    const stop = Math.min(end, limit);
    let lineStart = start + this.#lineStart;
    let colon = this.#colon === -1 ? -1 : start + this.#colon;
    let at = start + this.#scanned;
    const { fieldLimitBytes } = this.#limits;
    let lineStop = Math.min(stop, lineStart + fieldLimitBytes);
    for (;;) {
      if (colon === -1) {
        while (at < lineStop && TCHAR[bytes[at] as number] === 1) at++;
        if (at === lineStop) break;
        const byte = bytes[at] as number;
        if (byte === COLON && at > lineStart) {
          colon = at++;
        } else if (byte === CR && at === lineStart) {
          if (at + 1 === lineStop) break;
          if (bytes[at + 1] !== LF) throw violation("BARE_CR");
          this.#scanned = at + 2 - start;
          return true;
        } else {
          throw nameViolation(byte, at === lineStart, this.#fieldCount === 0);
        }
      }
      while (at < lineStop && FIELD_VALUE[bytes[at] as number] === 1) at++;
      if (at === lineStop) break;
      if (bytes[at] !== CR) throw valueViolation(bytes[at] as number);
      if (at + 1 === lineStop) break;
      if (bytes[at + 1] !== LF) throw violation("BARE_CR");
      this.#addField(bytes, start + this.#sectionStart, lineStart, colon, at);
      at += 2;
      lineStart = at;
      lineStop = Math.min(stop, lineStart + fieldLimitBytes);
      colon = -1;
    }
    if (lineStop === lineStart + fieldLimitBytes) {
      throw fieldTooLarge(bytes, lineStart, colon === -1 ? at : colon);
    }
    if (stop === limit) throw violation("HEAD_TOO_LARGE");
    this.#scanned = at - start;
    this.#lineStart = lineStart - start;
    this.#colon = colon === -1 ? -1 : colon - start;
    return false;
  }

  /**
   * Notes where a field line has its name and its value, without the white space around the value.
   */
  #addField(
    bytes: Buffer,
    origin: number,
    lineStart: number,
    colon: number,
    lineEnd: number,
  ): void {
    if (this.#fieldCount === this.#limits.fieldCountMax) throw violation("TOO_MANY_FIELDS");
    let valueStart = colon + 1;
    let valueEnd = lineEnd;
    while (valueStart < valueEnd && isOws(bytes[valueStart] as number)) valueStart++;
    while (valueEnd > valueStart && isOws(bytes[valueEnd - 1] as number)) valueEnd--;
    const index = this.#fieldCount * OFFSETS_PER_FIELD;
    this.#offsets[index] = lineStart - origin;
    this.#offsets[index + 1] = colon - origin;
    this.#offsets[index + 2] = valueStart - origin;
    this.#offsets[index + 3] = valueEnd - origin;
    this.#fieldCount++;
  }

  #readSection(bytes: Buffer, start: number): RequestHead {
    const target = this.#target;
    invariant(target !== null, "the request line comes before the fields");
    const sectionStart = start + this.#sectionStart;
    const end = start + this.#scanned;
    const section = readHeaderSection(
      this.#method,
      this.#versionMinor,
      bytes,
      sectionStart,
      end,
      this.#offsets,
      this.#fieldCount,
    );
    if (section.persistent) {
      this.#repeated.remember(bytes, start, this.#sectionStart, end, target, section);
    }
    return this.#finish(target, section);
  }

  #finish(target: RequestTarget, section: HeaderSection): RequestHead {
    checkTargetHost(target, section);
    this.length = this.#scanned;
    this.#scanned = 0;
    this.#phase = "method";
    return new RequestHead(target, section);
  }
}

function isOws(byte: number): boolean {
  return byte === SP || byte === HTAB;
}

/** Whether the latin-1 text is what stands at `bytes[from..to)`. */
function isText(text: string, bytes: Buffer, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) !== bytes[from + index]) return false;
  }
  return true;
}

/** The method as a string; for the two that matter most without a call of native code. */
function methodAt(bytes: Buffer, from: number, to: number): string {
  if (isText("GET", bytes, from, to)) return "GET";
  if (isText("POST", bytes, from, to)) return "POST";
  return bytes.toString("latin1", from, to);
}

/** Whether `HTTP/1.1` and CRLF stand there, as they nearly always do. */
function isHttp11(bytes: Buffer, at: number): boolean {
  for (let index = 0; index < VERSION_LENGTH; index++) {
    if (bytes[at + index] !== HTTP_1_1[index]) return false;
  }
  return true;
}

/** @param index of the byte in `HTTP/1.1` and the CRLF behind it */
function checkVersionByte(byte: number, index: number): void {
  if (index < VERSION_NAME.length) {
    if (byte !== VERSION_NAME[index]) throw violation("VERSION_INVALID");
  } else if (index === 5 || index === 7) {
    if (byte < DIGIT_ZERO || byte > DIGIT_ZERO + 9) throw violation("VERSION_INVALID");
  } else if (index === 6) {
    if (byte !== PERIOD) throw violation("VERSION_INVALID");
  } else if (index === 8) {
    if (byte !== CR) throw violation(byte === LF ? "BARE_LF" : "VERSION_INVALID");
  } else if (byte !== LF) {
    throw violation("BARE_CR");
  }
}

/** RFC 6585 section 5 has the answer say which field it is. */
function fieldTooLarge(bytes: Buffer, nameStart: number, nameEnd: number): Error {
  const shownEnd = Math.min(nameEnd, nameStart + SHOWN_NAME_MAX_BYTES);
  return violation("FIELD_TOO_LARGE", bytes.toString("latin1", nameStart, shownEnd));
}

function nameViolation(byte: number, isLineStart: boolean, isFirstLine: boolean): Error {
  if (byte === LF) return violation("BARE_LF");
  if (!isOws(byte)) return violation("FIELD_NAME_INVALID");
  if (!isLineStart) return violation("SPACE_BEFORE_COLON");
  return violation(isFirstLine ? "SPACE_BEFORE_FIELDS" : "OBS_FOLD");
}

function valueViolation(byte: number): Error {
  return violation(byte === LF ? "BARE_LF" : "FIELD_VALUE_INVALID");
}
