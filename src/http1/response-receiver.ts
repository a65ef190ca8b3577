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
import { type ContentEvent, ContentView } from "./content-view.ts";
import { CLOSED, END_OF_CONTENT, NEED_DATA } from "./receiver.ts";
import type { ResponseHead } from "./response-head.ts";
import { ResponseHeadParser, type ResponseHeadLimits } from "./response-head-parser.ts";
import { asBadResponse, badResponse } from "./response-violations.ts";
import { UnreadBytes } from "./unread-bytes.ts";

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
  readonly #unread = new UnreadBytes();
  #inputEnded = false;
  /** Whether a byte of the answer that is expected has come. */
  #begun = false;

  constructor(limits: ResponseLimits) {
    this.#limits = limits;
    this.#parser = new ResponseHeadParser(limits);
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
    this.#begun = this.#unread.length > 0;
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
    this.#unread.receive(bytes, end);
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
    if (this.#unread.length > 0) throw badResponse("UNSOLICITED");
    if (!this.#inputEnded) return NEED_DATA;
    this.#close();
    return CLOSED;
  }

  #nextHead(): ResponseEvent {
    const unread = this.#unread;
    for (;;) {
      const head = this.#parser.parse(unread.bytes, unread.position, unread.end, this.#method);
      if (head === null) break;
      unread.position += this.#parser.length;
      if (isInterim(head.status)) {
        this.#skipInterim(head);
        continue;
      }
      this.#beginContent(head);
      return head;
    }
    if (this.#inputEnded) throw badResponse(this.#begun ? "HEAD_INCOMPLETE" : "NO_RESPONSE");
    unread.keep();
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
    if (this.#unread.length === 0) return this.#awaitContent();
    const count = Math.min(this.#remainingBytes, this.#unread.length);
    this.#remainingBytes -= count;
    return this.#content.take(this.#unread, count);
  }

  #nextChunked(head: ResponseHead): ResponseEvent {
    const decoder = this.#chunked;
    invariant(decoder !== null, "a chunked content has its decoder");
    const unread = this.#unread;
    unread.position = decoder.skip(unread.bytes, unread.position, unread.end);
    if (decoder.done) return this.#endContent(head);
    if (this.#unread.length === 0) return this.#awaitContent();
    const count = Math.min(decoder.dataBytes, this.#unread.length);
    decoder.consumeData(count);
    return this.#content.take(this.#unread, count);
  }

  #nextUntilClose(head: ResponseHead): ResponseEvent {
    const count = this.#unread.length;
    if (count === 0) return this.#inputEnded ? this.#endContent(head) : NEED_DATA;
    this.#contentBytes += count;
    if (this.#contentBytes > this.#limits.bodyLimitBytes) throw badResponse("CONTENT_TOO_LARGE");
    return this.#content.take(this.#unread, count);
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
    this.#unread.drop();
  }
}
