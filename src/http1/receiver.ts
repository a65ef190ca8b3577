/**
 * Turns the bytes that a client sends on one connection into requests, one at a time (RFC 9112).
 *
 * Bytes go in with {@link RequestReceiver.receive}, events come out of {@link
 * RequestReceiver.next}. Knows no socket and no clock; how long something may take is for the owner
 * to say. Bytes are copied only where a head is cut in two, or where a client sends its next
 * request before the present one is answered.
 */
import { invariant } from "../base/errors.ts";
import { ChunkedDecoder, type ChunkedLimits } from "./chunked.ts";
import { EVENT, nextState, STATE, type State } from "./connection-state.ts";
import { type ContentEvent, ContentView } from "./content-view.ts";
import { CR, LF } from "./grammar.ts";
import { HeadParser, type HeadLimits } from "./head-parser.ts";
import type { RequestHead } from "./request-head.ts";
import type { TrailerField } from "./trailer-section.ts";
import { UnreadBytes } from "./unread-bytes.ts";
import { violation } from "./violations.ts";

/** The bounds of what one request may take. All are positive integers. */
export interface RequestLimits extends HeadLimits, ChunkedLimits {}

/** The content is complete, if only an empty one. Follows each head. */
export const END_OF_CONTENT = { kind: "end" } as const;
/** All that has arrived is consumed or kept. */
export const NEED_DATA = { kind: "need-data" } as const;
/** The request must be answered first; see {@link RequestReceiver.nextCycle}. */
export const PAUSED = { kind: "paused" } as const;
/** No further request will come from this connection. */
export const CLOSED = { kind: "closed" } as const;

export type ReceiverEvent =
  | RequestHead
  | ContentEvent
  | typeof END_OF_CONTENT
  | typeof NEED_DATA
  | typeof PAUSED
  | typeof CLOSED;

/** Some clients end a content with an extra CRLF; this many are skipped (RFC 9112 section 2.2). */
const EMPTY_LINES_MAX = 4;
const NO_TRAILERS: readonly TrailerField[] = [];

export class RequestReceiver {
  readonly #limits: RequestLimits;
  readonly #parser: HeadParser;
  #state: State = STATE.idle;
  /** An unfinished head counts as not read. */
  readonly #unread = new UnreadBytes();
  #inputEnded = false;
  #emptyLines = 0;
  /** Of the head that was complete last, until the next one is awaited. */
  #method: string | null = null;
  #refusedHead: RequestHead | null = null;
  #persistent = true;
  /** Content that is still to come, of a request framed by its length. */
  #remainingBytes = 0;
  #chunked: ChunkedDecoder | null = null;
  #isChunked = false;
  readonly #content = new ContentView();

  constructor(limits: RequestLimits) {
    this.#limits = limits;
    this.#parser = new HeadParser(limits);
  }

  /**
   * Bytes received and not consumed yet; what a client has sent ahead, while its request is
   * answered.
   */
  get bufferedBytes(): number {
    return this.#unread.length;
  }

  /** Between two requests, with nothing of the next one received. */
  get idle(): boolean {
    return this.#state === STATE.idle && this.#unread.length === 0;
  }

  /**
   * The method of the request that is being received or was refused: an answer to HEAD has no
   * content, not even one that refuses it (RFC 9110 section 9.3.2). While it is not known, one
   * whose answers have content.
   */
  get requestMethod(): string {
    return this.#method ?? this.#parser.method ?? "GET";
  }

  /**
   * A head in which nothing is wrong but that the content it declares is too large; such a head is
   * not reported, but whoever answers may go by it.
   */
  get refusedHead(): RequestHead | null {
    return this.#refusedHead;
  }

  /**
   * The trailer fields of the request that is complete, as far as they may be handed on; none
   * before its end, and none but behind a chunked content. The array is the request's own.
   *
   * @bound `trailerLimitBytes` and `fieldCountMax`
   */
  get trailers(): readonly TrailerField[] {
    return this.#isChunked && this.#chunked !== null ? this.#chunked.trailers : NO_TRAILERS;
  }

  /** Content of a declared length that is still to come, of the request that is being received. */
  get remainingBytes(): number {
    return this.#remainingBytes;
  }

  /** So much of it has come by another way. */
  skipContent(bytes: number): void {
    invariant(bytes <= this.#remainingBytes, "no more content comes than was declared");
    this.#remainingBytes -= bytes;
  }

  /** Part of a head has arrived, and the rest has not. */
  get receivingHead(): boolean {
    return this.#state === STATE.receivingHead;
  }

  /**
   * Hands in `bytes[0..end)`. The memory may be used again once `next` has answered "need-data",
   * "paused" or "closed".
   *
   * @bound what is kept is for the owner to bound, by not reading on; see {@link bufferedBytes}
   */
  receive(bytes: Buffer, end: number): void {
    if (this.#state === STATE.closed || end === 0) return;
    invariant(!this.#inputEnded, "no bytes follow the end of a connection's input");
    this.#unread.receive(bytes, end);
  }

  /** The client has closed its sending half. What it sent before is still reported. */
  receiveEnd(): void {
    this.#inputEnded = true;
  }

  /**
   * The next event: a head, pieces of its content, the end of the content; then "paused" until
   * {@link nextCycle}.
   *
   * @throws {ProtocolError} for what the client did wrong; once, and only "closed" comes afterwards
   */
  next(): ReceiverEvent {
    switch (this.#state) {
      case STATE.idle:
      case STATE.receivingHead:
        return this.#nextHead();
      case STATE.receivingContent:
        return this.#nextContent();
      case STATE.awaitingResponse:
      case STATE.closing:
        this.#unread.keep();
        return PAUSED;
      case STATE.closed:
        return CLOSED;
      default:
        return this.#state satisfies never;
    }
  }

  /** The response is complete: the next request may be taken. */
  nextCycle(): void {
    this.#state = nextState(this.#state, EVENT.responseEnd);
    this.#emptyLines = 0;
    this.#method = null;
    if (this.#state === STATE.closed) this.#unread.drop();
  }

  #nextHead(): ReceiverEvent {
    try {
      if (this.#state === STATE.idle && !this.#skipEmptyLines()) return this.#awaitRequest();
      const unread = this.#unread;
      const head = this.#parser.parse(unread.bytes, unread.position, unread.end);
      if (head === null) {
        if (this.#inputEnded) throw violation("HEAD_INCOMPLETE");
        unread.keep();
        return NEED_DATA;
      }
      this.#beginContent(head);
      return head;
    } catch (error) {
      this.#fail();
      throw error;
    }
  }

  #awaitRequest(): ReceiverEvent {
    if (this.#inputEnded) {
      this.#state = nextState(this.#state, EVENT.inputEnd);
      this.#unread.drop();
      return CLOSED;
    }
    this.#unread.keep();
    return NEED_DATA;
  }

  /** @returns whether a request line has begun */
  #skipEmptyLines(): boolean {
    const unread = this.#unread;
    while (unread.length > 0) {
      if (unread.bytes[unread.position] !== CR) {
        this.#state = nextState(this.#state, EVENT.bytes);
        return true;
      }
      if (unread.length === 1) return false;
      if (unread.bytes[unread.position + 1] !== LF) throw violation("BARE_CR");
      this.#emptyLines++;
      if (this.#emptyLines > EMPTY_LINES_MAX) throw violation("EMPTY_LINES");
      unread.position += 2;
    }
    return false;
  }

  #beginContent(head: RequestHead): void {
    const { framing, persistent } = head.section;
    this.#method = head.method;
    this.#persistent = persistent;
    this.#remainingBytes = framing.kind === "length" ? framing.bytes : 0;
    if (this.#remainingBytes > this.#limits.bodyLimitBytes) {
      this.#refusedHead = head;
      throw violation("CONTENT_TOO_LARGE");
    }
    this.#isChunked = framing.kind === "chunked";
    if (this.#isChunked) {
      this.#chunked ??= new ChunkedDecoder(this.#limits);
      this.#chunked.reset();
    }
    this.#unread.position += this.#parser.length;
    this.#state = nextState(this.#state, EVENT.head);
  }

  #nextContent(): ReceiverEvent {
    try {
      return this.#isChunked ? this.#nextChunked() : this.#nextOfLength();
    } catch (error) {
      this.#fail();
      throw error;
    }
  }

  #nextOfLength(): ReceiverEvent {
    if (this.#remainingBytes === 0) return this.#endContent();
    if (this.#unread.length === 0) return this.#awaitContent();
    const count = Math.min(this.#remainingBytes, this.#unread.length);
    this.#remainingBytes -= count;
    return this.#content.take(this.#unread, count);
  }

  #nextChunked(): ReceiverEvent {
    const decoder = this.#chunked;
    invariant(decoder !== null, "a chunked content has its decoder");
    const unread = this.#unread;
    unread.position = decoder.skip(unread.bytes, unread.position, unread.end);
    if (decoder.done) return this.#endContent();
    if (this.#unread.length === 0) return this.#awaitContent();
    const count = Math.min(decoder.dataBytes, this.#unread.length);
    decoder.consumeData(count);
    return this.#content.take(this.#unread, count);
  }

  #awaitContent(): typeof NEED_DATA {
    if (this.#inputEnded) throw violation("CONTENT_INCOMPLETE");
    this.#unread.keep();
    return NEED_DATA;
  }

  #endContent(): typeof END_OF_CONTENT {
    const event = this.#persistent ? EVENT.contentEnd : EVENT.lastContentEnd;
    this.#state = nextState(this.#state, event);
    return END_OF_CONTENT;
  }

  #fail(): void {
    this.#state = nextState(this.#state, EVENT.violation);
    this.#unread.drop();
  }
}
