/**
 * Turns the bytes that a server sends on one connection into responses, one at a time (RFC 9112):
 * the client's half of what `receiver.ts` is for a server.
 *
 * The owner says {@link ResponseReceiver.expect} for each request that it sends. Bytes go in with
 * {@link ResponseReceiver.receive}, events come out of {@link ResponseReceiver.next}. Knows no
 * socket and no clock. Bytes are copied only where a head is cut in two. As strict as the server's
 * half: whatever leaves a doubt about where an answer ends is refused.
 */
import { invariant, ProtocolError } from "../base/errors.ts";
import { isInterim } from "../http/status.ts";
import { ChunkedDecoder, type ChunkedLimits } from "./chunked.ts";
import { CLOSED, type ContentEvent, END_OF_CONTENT, NEED_DATA } from "./receiver.ts";
import type { ResponseHead } from "./response-head.ts";
import { ResponseHeadParser, type ResponseHeadLimits } from "./response-head-parser.ts";
import { asBadResponse, badResponse } from "./response-violations.ts";

/** The bounds of what one response may take. All are positive integers. */
export interface ResponseLimits extends ResponseHeadLimits, ChunkedLimits {
  /** Interim responses in front of one answer. */
  readonly interimCountMax: number;
}

export type ResponseEvent =
  | ResponseHead
  | ContentEvent
  | typeof END_OF_CONTENT
  | typeof NEED_DATA
  | typeof CLOSED;

type State =
  /** No answer is expected. */
  | "idle"
  | "head"
  | "content"
  /** Nothing that comes is looked at. */
  | "closed";

const SWITCHING_PROTOCOLS = 101;
const NO_BYTES = /* @__PURE__ */ Buffer.alloc(0);

class ContentView implements ContentEvent {
  readonly kind = "content" as const;
  bytes: Buffer = NO_BYTES;
  start = 0;
  end = 0;
}

export class ResponseReceiver {
  /** Interim responses (1xx) that came before answers, and were skipped. */
  interimCount = 0;
  readonly #limits: ResponseLimits;
  readonly #parser: ResponseHeadParser;
  readonly #content = new ContentView();
  #state: State = "idle";
  #method = "";
  #head: ResponseHead | null = null;
  #interimOfAnswer = 0;
  #remainingBytes = 0;
  #chunked: ChunkedDecoder | null = null;
  #contentBytes = 0;
  /** What is not consumed yet is `bytes[position..end)`. */
  #bytes: Buffer = NO_BYTES;
  #position = 0;
  #end = 0;
  /** Whether `bytes` is the caller's, who will use it again. */
  #borrowed = false;
  #inputEnded = false;
  #begun = false;

  constructor(limits: ResponseLimits) {
    this.#limits = limits;
    this.#parser = new ResponseHeadParser(limits);
  }

  /** Whether a byte of the answer that is expected has come. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether another request may be sent on this connection. */
  get reusable(): boolean {
    return this.#state === "idle" && !this.#inputEnded;
  }

  /** A request was sent, so that an answer is due; one at a time. */
  expect(method: string): void {
    invariant(this.#state === "idle", "the answer before is complete, and the connection goes on");
    this.#state = "head";
    this.#method = method;
    this.#interimOfAnswer = 0;
    this.#begun = this.#position < this.#end;
  }

  /**
   * Hands in `bytes[0..end)`. The memory may be used again once `next` has answered "need-data" or
   * "closed".
   *
   * @bound `headLimitBytes` and one piece are kept at most
   */
  receive(bytes: Buffer, end: number): void {
    if (this.#state === "closed" || end === 0) return;
    this.#begun = true;
    if (this.#position === this.#end) {
      this.#bytes = bytes;
      this.#position = 0;
      this.#end = end;
      this.#borrowed = true;
      return;
    }
    invariant(!this.#borrowed, "what was received before has been taken with next()");
    this.#append(bytes, end);
  }

  /** The server has closed its sending half. What it sent before is still reported. */
  receiveEnd(): void {
    this.#inputEnded = true;
  }

  /**
   * The next event: a head, pieces of its content, the end of the content. Interim responses are
   * counted and not reported.
   *
   * @throws {ProtocolError} for what the server did wrong; once, and only "closed" comes afterwards
   */
  next(): ResponseEvent {
    try {
      switch (this.#state) {
        case "idle":
          return this.#nextIdle();
        case "head":
          return this.#nextHead();
        case "content":
          return this.#nextContent();
        case "closed":
          return CLOSED;
        default:
          return this.#state satisfies never;
      }
    } catch (error) {
      this.#close();
      throw error instanceof ProtocolError ? asBadResponse(error) : error;
    }
  }

  #nextIdle(): ResponseEvent {
    if (this.#position < this.#end) throw badResponse("UNSOLICITED");
    if (!this.#inputEnded) return NEED_DATA;
    this.#close();
    return CLOSED;
  }

  #nextHead(): ResponseEvent {
    for (;;) {
      const head = this.#parser.parse(this.#bytes, this.#position, this.#end, this.#method);
      if (head === null) break;
      this.#position += this.#parser.length;
      if (isInterim(head.status)) {
        this.#skipInterim(head);
        continue;
      }
      this.#beginContent(head);
      return head;
    }
    if (this.#inputEnded) throw badResponse(this.#begun ? "HEAD_INCOMPLETE" : "NO_RESPONSE");
    this.#keepRest();
    return NEED_DATA;
  }

  #skipInterim({ status }: ResponseHead): void {
    if (status === SWITCHING_PROTOCOLS) throw badResponse("UPGRADE_UNASKED");
    this.interimCount++;
    this.#interimOfAnswer++;
    if (this.#interimOfAnswer > this.#limits.interimCountMax) throw badResponse("TOO_MANY_INTERIM");
  }

  #beginContent(head: ResponseHead): void {
    const { contentEnd } = head;
    this.#head = head;
    this.#state = "content";
    this.#contentBytes = 0;
    this.#remainingBytes = contentEnd.kind === "length" ? contentEnd.bytes : 0;
    if (this.#remainingBytes > this.#limits.bodyLimitBytes) throw badResponse("CONTENT_TOO_LARGE");
    if (contentEnd.kind !== "chunked") return;
    this.#chunked ??= new ChunkedDecoder(this.#limits);
    this.#chunked.reset();
  }

  #nextContent(): ResponseEvent {
    const head = this.#head;
    invariant(head !== null, "content follows a head");
    switch (head.contentEnd.kind) {
      case "none":
        return this.#endContent(head);
      case "length":
        return this.#remainingBytes === 0 ? this.#endContent(head) : this.#nextOfLength();
      case "chunked":
        return this.#nextChunked(head);
      case "until-close":
        return this.#nextUntilClose(head);
      default:
        return head.contentEnd satisfies never;
    }
  }

  #nextOfLength(): ResponseEvent {
    if (this.#position === this.#end) return this.#awaitContent();
    const count = Math.min(this.#remainingBytes, this.#end - this.#position);
    this.#remainingBytes -= count;
    return this.#takeContent(count);
  }

  #nextChunked(head: ResponseHead): ResponseEvent {
    const decoder = this.#chunked;
    invariant(decoder !== null, "a chunked content has its decoder");
    this.#position = decoder.skip(this.#bytes, this.#position, this.#end);
    if (decoder.done) return this.#endContent(head);
    if (this.#position === this.#end) return this.#awaitContent();
    const count = Math.min(decoder.dataBytes, this.#end - this.#position);
    decoder.consumeData(count);
    return this.#takeContent(count);
  }

  #nextUntilClose(head: ResponseHead): ResponseEvent {
    const count = this.#end - this.#position;
    if (count === 0) return this.#inputEnded ? this.#endContent(head) : NEED_DATA;
    this.#contentBytes += count;
    if (this.#contentBytes > this.#limits.bodyLimitBytes) throw badResponse("CONTENT_TOO_LARGE");
    return this.#takeContent(count);
  }

  #takeContent(count: number): ContentEvent {
    const view = this.#content;
    view.bytes = this.#bytes;
    view.start = this.#position;
    this.#position += count;
    view.end = this.#position;
    return view;
  }

  #awaitContent(): typeof NEED_DATA {
    if (this.#inputEnded) throw badResponse("CONTENT_INCOMPLETE");
    return NEED_DATA;
  }

  #endContent({ persistent }: ResponseHead): typeof END_OF_CONTENT {
    this.#head = null;
    if (persistent) this.#state = "idle";
    else this.#close();
    return END_OF_CONTENT;
  }

  #close(): void {
    this.#state = "closed";
    this.#bytes = NO_BYTES;
    this.#position = 0;
    this.#end = 0;
    this.#borrowed = false;
  }

  /** Copies what is left of the caller's memory: a part of a head. */
  #keepRest(): void {
    if (!this.#borrowed || this.#position === this.#end) return;
    const rest = Buffer.from(this.#bytes.subarray(this.#position, this.#end));
    this.#bytes = rest;
    this.#position = 0;
    this.#end = rest.length;
    this.#borrowed = false;
  }

  /** Grows by half, so that many small pieces are not copied over and over. */
  #append(bytes: Buffer, length: number): void {
    const kept = this.#end - this.#position;
    if (this.#end + length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.ceil((kept + length) * 1.5));
      this.#bytes.copy(grown, 0, this.#position, this.#end);
      this.#bytes = grown;
      this.#position = 0;
      this.#end = kept;
    }
    bytes.copy(this.#bytes, this.#end, 0, length);
    this.#end += length;
  }
}
