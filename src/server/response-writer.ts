/**
 * Writes the responses of one connection to its stream, framed as the request and the head demand,
 * and never more content than was declared (RFC 9112 section 6.3): what follows would be taken for
 * the next response.
 */
import type { RequestHead } from "../http1/request-head.ts";
import {
  CRLF,
  frameResponse,
  HTTP_VERSION,
  LAST_CHUNK,
  type ResponseFraming,
  type ResponseHeadWriter,
  writeChunkHead,
} from "../http1/response.ts";
import type { ByteStream } from "../net/byte-stream.ts";
import type { OwnFields } from "./own-fields.ts";
import type { WrittenAnswer } from "./gateway-answer.ts";

/** Where a response goes; it copies what it keeps. */
export type ByteSink = Pick<ByteStream, "write">;

/** What of a request decides how its response is framed. */
export type FramedRequest = Pick<RequestHead, "method" | "versionMinor">;

/** A chunk's size line and both line ends, at most. */
const CHUNK_OVERHEAD_BYTES = 32;

export class ResponseWriter {
  /** Whether any part of the present response has been written. */
  begun = false;
  /** Of the present response, or of the one before while none has begun. */
  status = 0;
  /** Of its content that has been written, without its framing. */
  contentBytes = 0;
  /** Whether somebody wants to read heads of responses that have left. */
  keepsHeads = false;
  /** Told when a response begins to leave; null where nobody wants to know. */
  onBegun: (() => void) | null = null;
  /** Its status line without the version, and its field lines; null where they are not kept. */
  keptHead: string | null = null;
  /** What each response has for itself alone; null where that is nothing. */
  ownFields: OwnFields | null = null;
  /** What the present response says of that; null where it does not. */
  requestId: string | null = null;
  /** Other field lines of the present response alone, each with its CRLF. */
  #ownLines = "";
  readonly #stream: ByteSink;
  readonly #headWriter: ResponseHeadWriter;
  readonly #scratch: Buffer;
  #framing: ResponseFraming | null = null;
  /** Content still to come, where its length was declared. */
  #remainingBytes = 0;

  constructor(stream: ByteSink, headWriter: ResponseHeadWriter, scratch: Buffer) {
    this.#stream = stream;
    this.#headWriter = headWriter;
    this.#scratch = scratch;
  }

  /** Whether the connection can take another request after this response. */
  get keepAlive(): boolean {
    return this.#framing?.keepAlive ?? false;
  }

  /** Whether only the end of the connection tells the client where the content ends. */
  get endsWithConnection(): boolean {
    return this.#framing?.content === "until-close";
  }

  /** Whether there is a head, and all of the content that it declares. */
  get isWhole(): boolean {
    return this.begun && this.#framing?.content === "length" && this.#remainingBytes === 0;
  }

  /** After the end: whether there was less content than was declared. */
  get fellShort(): boolean {
    return this.#framing?.content === "length" && this.#remainingBytes > 0;
  }

  /**
   * Begins a response.
   *
   * @param persistent whether the connection may go on afterwards
   * @param received   null where the request did not arrive whole
   */
  begin(
    request: FramedRequest,
    persistent: boolean,
    status: number,
    contentLength: number | null,
    received: { readonly id: string } | null = null,
  ): void {
    this.#framing = frameResponse(
      request.method,
      request.versionMinor,
      persistent,
      status,
      contentLength,
    );
    this.#remainingBytes = this.#framing.content === "length" ? this.#framing.contentLength : 0;
    this.begun = false;
    this.status = status;
    this.contentBytes = 0;
    this.requestId = this.ownFields?.requestId(received) ?? null;
    this.#ownLines = this.ownFields?.serverTimingLine() ?? "";
  }

  /**
   * Writes the head, and the content directly behind it up to `contentEnd`; with one system call
   * where it fits.
   *
   * @param complete whether that is all the content
   */
  head(
    bytes: Buffer,
    headStart: number,
    headEnd: number,
    contentEnd: number,
    complete: boolean,
  ): void {
    const framing = this.#framing;
    if (framing === null) return;
    this.begun = true;
    this.onBegun?.();
    if (this.keepsHeads) this.keptHead = bytes.toString("latin1", headStart, headEnd);
    const writer = this.#headWriter;
    const sizeMax = writer.sizeMax(headEnd - headStart);
    const fits = sizeMax <= writer.room.length;
    const target = fits ? writer.room : Buffer.allocUnsafe(sizeMax);
    const { requestId } = this;
    const ownLines = this.#ownLines;
    const at = fits
      ? writer.prepare(bytes, headStart, headEnd, framing, requestId, ownLines)
      : writer.write(target, 0, bytes, headStart, headEnd, framing, requestId, ownLines);
    const length = contentEnd - headEnd;
    if (framing.content !== "chunked" && at + length <= target.length) {
      const kept = this.#admit(framing, length);
      bytes.copy(target, at, headEnd, headEnd + kept);
      this.#write(target, 0, at + kept);
    } else {
      this.#write(target, 0, at);
      this.content(bytes, headEnd, contentEnd);
    }
    if (complete) this.end();
  }

  /**
   * Writes an interim response, whose head has the form of any other and gets no field added.
   *
   * @see RFC 9110 section 15.2
   */
  interim(bytes: Buffer, headStart: number, headEnd: number): void {
    const head = Buffer.concat([HTTP_VERSION, bytes.subarray(headStart, headEnd), CRLF]);
    this.#write(head, 0, head.length);
  }

  /** Writes an answer that is put together, as {@link ResponseWriter.head} does. */
  answer(answer: WrittenAnswer, complete: boolean): void {
    const { bytes, headStart, headEnd, contentEnd } = answer;
    this.head(bytes, headStart, headEnd, contentEnd, complete);
  }

  content(bytes: Buffer, start: number, end: number): void {
    const framing = this.#framing;
    if (framing === null) return;
    const kept = this.#admit(framing, end - start);
    if (kept === 0) return;
    if (framing.content !== "chunked") {
      this.#write(bytes, start, start + kept);
      return;
    }
    const scratch = this.#scratch;
    let at = writeChunkHead(scratch, 0, kept);
    if (kept + CHUNK_OVERHEAD_BYTES > scratch.length) {
      this.#write(scratch, 0, at);
      this.#write(bytes, start, end);
      this.#write(CRLF, 0, CRLF.length);
      return;
    }
    at += bytes.copy(scratch, at, start, end);
    at += CRLF.copy(scratch, at);
    this.#write(scratch, 0, at);
  }

  /** How content that follows has to leave; null where none may follow. */
  get awaited(): "plain" | "chunked" | null {
    if (!this.begun || this.#framing === null) return null;
    switch (this.#framing.content) {
      case "none":
        return null;
      case "length":
        return this.#remainingBytes > 0 ? "plain" : null;
      case "until-close":
        return "plain";
      case "chunked":
        return "chunked";
      default:
        return this.#framing.content satisfies never;
    }
  }

  /**
   * Content has left by another way, with the framing that it needs.
   *
   * @returns whether no more than there was room for
   */
  addSentByOther(contentBytes: number): boolean {
    return this.#framing !== null && this.#admit(this.#framing, contentBytes) === contentBytes;
  }

  end(): void {
    this.begun = false;
    if (this.#framing?.content === "chunked") this.#write(LAST_CHUNK, 0, LAST_CHUNK.length);
  }

  /** How much of a piece of content may leave. */
  #admit(framing: ResponseFraming, length: number): number {
    switch (framing.content) {
      case "none":
        return 0;
      case "length": {
        const kept = Math.min(length, this.#remainingBytes);
        this.#remainingBytes -= kept;
        this.contentBytes += kept;
        return kept;
      }
      case "chunked":
      case "until-close":
        this.contentBytes += length;
        return length;
      default:
        return framing.content satisfies never;
    }
  }

  #write(bytes: Buffer, start: number, end: number): void {
    this.#stream.write(bytes, start, end);
  }
}
