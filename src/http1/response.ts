/**
 * Writes responses: heads, chunk heads, and the interim 100 (RFC 9112 sections 4 to 7).
 *
 * A head comes in as an application's `200 OK\r\nName: value\r\n...` and is copied as it is; what
 * the gateway adds stands ready as one block, which is laid out anew when the second changes.
 */
import { invariant } from "../base/errors.ts";
import { formatHttpDate } from "../http/date.ts";
import { CR, FIELD_VALUE, LF } from "./grammar.ts";
import { RememberedBytes } from "./remembered-bytes.ts";
import type { ResponseFraming } from "./response-framing.ts";

export { frameResponse, type ResponseFraming } from "./response-framing.ts";

export const HTTP_VERSION: Buffer = /* @__PURE__ */ Buffer.from("HTTP/1.1 ");
export const CRLF: Buffer = /* @__PURE__ */ Buffer.from("\r\n");
/** The last chunk, and an empty trailer section (RFC 9112 section 7.1). */
export const LAST_CHUNK: Buffer = /* @__PURE__ */ Buffer.from("0\r\n\r\n");
export const CONTINUE: Buffer = /* @__PURE__ */ Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");

/** Bytes of the longest chunk head: 14 digits for 2^53 - 1, and CRLF. */
export const CHUNK_HEAD_BYTES_MAX = 16;

/** Which of the fields that the gateway would add are in a head already. */
const HAS_DATE = 1;
const HAS_SERVER = 2;
const PRESENCE_COUNT = 4;

const CONNECTION_LINES = ["", "Connection: close\r\n", "Connection: keep-alive\r\n"] as const;
const FRAMING_LINES = ["", "Transfer-Encoding: chunked\r\n", "Content-Length: 0\r\n"] as const;
const SAMPLE_DATE_MS = 0;
const MS_PER_SECOND = 1000;

/** Field names in lower case with their colon, as they are looked for at the begin of a line. */
const DATE_NAME = /* @__PURE__ */ Buffer.from("date:");
const SERVER_NAME = /* @__PURE__ */ Buffer.from("server:");
const CONTENT_LENGTH_NAME = /* @__PURE__ */ Buffer.from("content-length:");
const REQUEST_ID_NAME = /* @__PURE__ */ Buffer.from("x-request-id:");
const LOWER_D = 0x64;
const LOWER_S = 0x73;
const TO_LOWER = 0x20;

/** Room for a head and, behind it, as much content as leaves with it in one system call. */
const ROOM_BYTES = 131_072;
/** Field lines that a response has for itself alone, at most. */
const OWN_LINES_MAX_BYTES = 512;
/** Longer heads hardly repeat, and are written anew. */
const REMEMBERED_MAX_BYTES = 2_048;

export class ResponseHeadWriter {
  /** Where `prepare` leaves a head; what stands behind it there is the caller's to use. */
  readonly room: Buffer;
  readonly #serverLine: string;
  readonly #blockBytesMax: number;
  #second = -1;
  /**
   * What stands behind an application's head, the empty line included; by the fields present, the
   * Connection field and the framing field.
   */
  #blocks: readonly Buffer[];
  /** What the head in `room` was made of, and its length; 0 where it is not to be used again. */
  readonly #source = new RememberedBytes();
  #sourceFraming: ResponseFraming | null = null;
  #sourceNamesRequest = false;
  #preparedLength = 0;

  /**
   * @param serverField value of Server, with which every response goes out; null for none
   * @param roomBytes   length of `room`
   */
  constructor(serverField: string | null, roomBytes: number = ROOM_BYTES) {
    this.room = Buffer.allocUnsafeSlow(roomBytes);
    for (const byte of Buffer.from(serverField ?? "", "latin1")) {
      invariant(FIELD_VALUE[byte] === 1, "the value of Server is a field value");
    }
    this.#serverLine = serverField === null ? "" : `Server: ${serverField}\r\n`;
    // Without a clock there is no Date (RFC 9110 section 6.6.1).
    this.#blocks = this.#layOut("");
    const sample = this.#layOut(dateLine(SAMPLE_DATE_MS));
    this.#blockBytesMax = Math.max(...sample.map((block) => block.length));
  }

  /**
   * Sets the time that responses are dated with. Cheap while the second is the same.
   *
   * @param epochMs milliseconds since the epoch
   */
  setDate(epochMs: number): void {
    const second = Math.floor(epochMs / MS_PER_SECOND);
    if (second === this.#second) return;
    this.#second = second;
    this.#preparedLength = 0;
    this.#blocks = this.#layOut(dateLine(epochMs));
  }

  /**
   * Writes a complete head, from the status line to the empty line, into `target` at `offset`.
   *
   * Adds Date and Server unless the application sent its own, Connection, and the field that the
   * framing needs. Takes out a Content-Length that must not be sent.
   *
   * @param target    has room for {@link sizeMax} bytes at `offset`
   * @param head      holds `200 OK\r\n` and field lines, each with its CRLF, in
   *   `[headStart..headEnd)`
   * @param requestId for X-Request-ID, which the application may have sent itself; null for none
   * @param ownLines  other field lines that this response alone has, each with its CRLF
   * @returns the offset behind what was written
   */
  write(
    target: Buffer,
    offset: number,
    head: Buffer,
    headStart: number,
    headEnd: number,
    framing: ResponseFraming,
    requestId: string | null = null,
    ownLines = "",
  ): number {
    const end = this.#writeShared(target, offset, head, headStart, headEnd, framing);
    const namesRequest = requestId !== null && hasRequestId(head, headStart, headEnd);
    return addOwnLines(target, end, namesRequest ? null : requestId, ownLines);
  }

  /** What {@link write} writes of every response with this head. */
  #writeShared(
    target: Buffer,
    offset: number,
    head: Buffer,
    headStart: number,
    headEnd: number,
    framing: ResponseFraming,
  ): number {
    invariant(
      offset + this.sizeMax(headEnd - headStart) <= target.length,
      "a head fits its target",
    );
    let at = offset;
    for (let index = 0; index < HTTP_VERSION.length; index++) {
      target[at++] = HTTP_VERSION[index] as number;
    }
    const isLengthWrong =
      !framing.sendContentLength && (framing.content === "none" || framing.content === "length");
    if (isLengthWrong) {
      at = copyWithoutContentLength(target, at, head, headStart, headEnd);
    } else {
      head.copy(target, at, headStart, headEnd);
      at += headEnd - headStart;
    }
    const block = this.#blocks[blockIndex(presentFields(head, headStart, headEnd), framing)];
    invariant(block !== undefined, "there is a block for each kind of head");
    block.copy(target, at);
    return at + block.length;
  }

  /**
   * The same at the beginning of {@link room}. Where an application answers with the head that it
   * answered with last, as most do most of the time, it stands there already.
   *
   * @param head of which {@link sizeMax} fits {@link room}
   * @returns its length
   */
  prepare(
    head: Buffer,
    headStart: number,
    headEnd: number,
    framing: ResponseFraming,
    requestId: string | null = null,
    ownLines = "",
  ): number {
    const length = headEnd - headStart;
    const isThere =
      this.#preparedLength > 0 &&
      this.#source.length === length &&
      this.#sourceFraming !== null &&
      isAlike(this.#sourceFraming, framing) &&
      this.#source.equals(head, headStart, 0, length);
    let written = this.#preparedLength;
    if (!isThere) {
      written = this.#writeShared(this.room, 0, head, headStart, headEnd, framing);
      this.#sourceNamesRequest = hasRequestId(head, headStart, headEnd);
      this.#preparedLength = 0;
      if (length <= REMEMBERED_MAX_BYTES) {
        this.#source.remember(head, headStart, headEnd);
        this.#sourceFraming = framing;
        this.#preparedLength = written;
      }
    }
    const id = this.#sourceNamesRequest ? null : requestId;
    return addOwnLines(this.room, written, id, ownLines);
  }

  /** Bytes that a head of `headLength` bytes becomes at most. */
  sizeMax(headLength: number): number {
    return HTTP_VERSION.length + headLength + this.#blockBytesMax + OWN_LINES_MAX_BYTES;
  }

  #layOut(date: string): Buffer[] {
    const blocks: Buffer[] = [];
    for (let present = 0; present < PRESENCE_COUNT; present++) {
      const own = (present & HAS_DATE ? "" : date) + (present & HAS_SERVER ? "" : this.#serverLine);
      for (const connection of CONNECTION_LINES) {
        for (const framing of FRAMING_LINES) {
          blocks.push(Buffer.from(`${own}${connection}${framing}\r\n`, "latin1"));
        }
      }
    }
    return blocks;
  }
}

/** Whether heads that are alike are written alike with both. */
function isAlike(one: ResponseFraming, other: ResponseFraming): boolean {
  return (
    one === other ||
    (one.content === other.content &&
      one.connectionField === other.connectionField &&
      one.sendContentLength === other.sendContentLength)
  );
}

function dateLine(epochMs: number): string {
  return `Date: ${formatHttpDate(epochMs)}\r\n`;
}

function blockIndex(present: number, framing: ResponseFraming): number {
  let connection = 0;
  if (framing.connectionField === "close") connection = 1;
  else if (framing.connectionField === "keep-alive") connection = 2;
  let line = 0;
  if (framing.content === "chunked") line = 1;
  else if (framing.content === "length" && !framing.sendContentLength) line = 2;
  return (present * CONNECTION_LINES.length + connection) * FRAMING_LINES.length + line;
}

/** Which of Date and Server the application sent itself: {@link HAS_DATE}, {@link HAS_SERVER}. */
function presentFields(head: Buffer, start: number, end: number): number {
  let present = 0;
  for (let at = start; at < end; at++) {
    if (head[at] !== LF) continue;
    const first = (head[at + 1] as number) | TO_LOWER;
    if (first === LOWER_D && isName(head, at + 1, end, DATE_NAME)) present |= HAS_DATE;
    else if (first === LOWER_S && isName(head, at + 1, end, SERVER_NAME)) present |= HAS_SERVER;
  }
  return present;
}

function hasRequestId(head: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (head[at] === LF && isName(head, at + 1, end, REQUEST_ID_NAME)) return true;
  }
  return false;
}

/**
 * Puts field lines between the last one and the empty line.
 *
 * @param end behind the empty line, which may have been written over for a response before
 * @returns the offset behind the empty line
 */
function addOwnLines(
  target: Buffer,
  end: number,
  requestId: string | null,
  ownLines: string,
): number {
  let at = end - CRLF.length;
  if (requestId !== null) {
    at += target.write(`X-Request-ID: ${requestId}\r\n`, at, "latin1");
  }
  if (ownLines !== "") at += target.write(ownLines, at, "latin1");
  invariant(at <= end + OWN_LINES_MAX_BYTES - CRLF.length, "there is room for what is its own");
  target[at] = CR;
  target[at + 1] = LF;
  return at + CRLF.length;
}

/** Whether the line at `start` begins with the name, in any case. */
function isName(head: Buffer, start: number, end: number, name: Buffer): boolean {
  if (start + name.length > end) return false;
  for (let index = 0; index < name.length; index++) {
    // Setting bit 5 makes letters lower-case and leaves `-` and `:` as they are.
    if (((head[start + index] as number) | TO_LOWER) !== name[index]) return false;
  }
  return true;
}

/** Line by line: rare enough (204, 205, 1xx, HEAD without a length) not to be fast. */
function copyWithoutContentLength(
  target: Buffer,
  offset: number,
  head: Buffer,
  start: number,
  end: number,
): number {
  let at = offset;
  let line = start;
  while (line < end) {
    const lineFeed = head.indexOf(LF, line);
    const next = lineFeed === -1 || lineFeed >= end ? end : lineFeed + 1;
    if (!isName(head, line, end, CONTENT_LENGTH_NAME)) at += head.copy(target, at, line, next);
    line = next;
  }
  return at;
}

/**
 * Writes the size line of a chunk, without extensions (RFC 9112 section 7.1).
 *
 * @param target has room for {@link CHUNK_HEAD_BYTES_MAX} bytes at `offset`
 * @param length bytes of data, above 0: a chunk of 0 would end the content
 * @returns the offset behind what was written
 */
export function writeChunkHead(target: Buffer, offset: number, length: number): number {
  invariant(length > 0, "a chunk that is not the last one holds data");
  const digits = length.toString(16);
  for (let index = 0; index < digits.length; index++) {
    target[offset + index] = digits.charCodeAt(index);
  }
  const at = offset + digits.length;
  target[at] = CRLF[0] as number;
  target[at + 1] = CRLF[1] as number;
  return at + 2;
}
