/**
 * One HTTP/1.1 connection: a byte stream, the sans-IO receiver, and the answers of a handler, in
 * order.
 *
 * Requests are taken one at a time. While one is being answered, what the client pipelines behind
 * it waits in the receiver, up to a bound; then the stream is not read any more. A request is
 * handed to the handler only when it has arrived whole, so that a slow client never holds a worker.
 *
 * Owns the order and the deadlines of its connection. Knows nothing of Python, and nothing of how
 * time passes: the server sweeps over all connections with the present time.
 */
import { ProtocolError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { ConnectionHandler, PendingAnswer, RequestHandler } from "../handlers/handler.ts";
import { RequestReceiver, type RequestLimits } from "../http1/receiver.ts";
import type { RequestHead } from "../http1/request-head.ts";
import { CONTINUE, errorResponse, type ResponseHeadWriter } from "../http1/response.ts";
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import type { AnswerFailure, AnswerSink } from "../workers/application-request.ts";
import { RequestContent, type SpoolSettings } from "./request-content.ts";
import { ResponseWriter } from "./response-writer.ts";

export interface ConnectionSettings {
  readonly request: RequestLimits;
  readonly spool: SpoolSettings;
  /** From the first byte of a head (or the connection's begin) to its end. */
  readonly headerTimeoutMs: number;
  /** The longest pause while a content arrives. */
  readonly bodyTimeoutMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveTimeoutMs: number;
  /** How long a client may take none of the bytes that wait for it. */
  readonly writeTimeoutMs: number;
  /** Bytes of an answer that are kept for a client; then the worker is stopped. */
  readonly responseBufferBytes: number;
}

/** What all connections of a server share. */
export interface ConnectionContext {
  readonly settings: ConnectionSettings;
  readonly handler: RequestHandler;
  readonly headWriter: ResponseHeadWriter;
  /** Memory in which a response is put together before it is sent. */
  readonly scratch: Buffer;
  readonly log: Log;
  /** Monotonic ms. Between two sweeps the time of the next one, so that no deadline comes early. */
  readonly nowMs: number;
  /** The server is being stopped: answers close their connections. */
  readonly draining: boolean;
  onClosed(connection: HttpConnection): void;
}

/** What the connection waits for. */
type Phase = "idle" | "head" | "content" | "answer" | "lingering" | "closed";

/** Bytes that a client may send ahead while its request is being answered. */
const PIPELINED_BYTES_MAX = 65_536;
/** Content that waits to be written to its file; beyond it the stream is not read. */
const SPOOL_PENDING_MAX_BYTES = 1_048_576;
/**
 * After the last answer the sending half is closed and what the client still sends is read and
 * dropped, until it has been silent for so long, and for so long and so much in all: closing at
 * once would reset the connection, and could take the answer with it (RFC 9112 section 9.6).
 */
const LINGER_MS = 2_000;
const LINGER_TOTAL_MS = 30_000;
const LINGER_MAX_BYTES = 16_777_216;
const RETRY_AFTER_SECONDS = 1;
/** Stands for the method of a request that cannot be read: one whose answers have content. */
const UNKNOWN_METHOD = "GET";

const FAILURE_STATUS: Readonly<Record<AnswerFailure, number>> = {
  "application-error": 500,
  "worker-exited": 502,
  "timed-out": 504,
  "queue-full": 503,
  "queue-timed-out": 503,
};

export class HttpConnection implements ByteStreamHandler, AnswerSink {
  readonly #context: ConnectionContext;
  readonly #stream: ByteStream;
  readonly #receiver: RequestReceiver;
  readonly #requests: ConnectionHandler;
  readonly #response: ResponseWriter;
  #phase: Phase = "head";
  #deadlineMs: number;
  #head: RequestHead | null = null;
  #content: RequestContent | null = null;
  #contentComplete = false;
  #pending: PendingAnswer | null = null;
  #answerPaused = false;
  #inputEnded = false;
  #inputPaused = false;
  #advancing = false;
  #lingeredBytes = 0;
  #lingerEndsMs = Infinity;
  /** Bytes that the client had taken at the last sweep, and until when it must take more. */
  #takenBytes = 0;
  #writeDeadlineMs = Infinity;

  constructor(context: ConnectionContext, stream: ByteStream) {
    this.#context = context;
    this.#stream = stream;
    this.#receiver = new RequestReceiver(context.settings.request);
    this.#response = new ResponseWriter(stream, context.headWriter, context.scratch);
    this.#deadlineMs = context.nowMs + context.settings.headerTimeoutMs;
    this.#requests = context.handler.openConnection({
      remote: stream.remoteAddress,
      local: stream.localAddress,
      scheme: "http",
    });
    stream.handler = this;
  }

  /** Whether nothing is under way: it can be closed without harm to anybody. */
  get idle(): boolean {
    return this.#phase === "idle" || (this.#phase === "head" && this.#receiver.idle);
  }

  /**
   * Ends the connection at once. Where only its end tells the client where the content ends, and
   * not all of that has left, the client must not take what it has for the whole: it gets a reset.
   */
  close(): void {
    const unfinished = this.#response.begun || this.#stream.unsentBytes > 0;
    if (unfinished && this.#response.endsWithConnection) this.#stream.reset();
    else this.#stream.close();
  }

  /**
   * One connection too many: it gets an honest answer, and the lingering close that lets the client
   * read it.
   */
  turnAway(): void {
    this.#refuse(503);
  }

  /**
   * Ends what has taken too long. Called several times a second with the context's time up to date.
   */
  sweep(): void {
    const now = this.#context.nowMs;
    if (now >= this.#deadlineMs) this.#onDeadline();
    const taken = this.#response.givenBytes - this.#stream.unsentBytes;
    if (this.#stream.unsentBytes === 0) {
      this.#writeDeadlineMs = Infinity;
    } else if (taken > this.#takenBytes || this.#writeDeadlineMs === Infinity) {
      this.#writeDeadlineMs = now + this.#context.settings.writeTimeoutMs;
    } else if (now >= this.#writeDeadlineMs) {
      this.close();
    }
    this.#takenBytes = taken;
  }

  onBytes(bytes: Buffer, end: number): void {
    if (this.#phase === "lingering") {
      this.#lingeredBytes += end;
      if (this.#lingeredBytes > LINGER_MAX_BYTES) this.close();
      this.#deadlineMs = Math.min(this.#context.nowMs + LINGER_MS, this.#lingerEndsMs);
      return;
    }
    this.#receiver.receive(bytes, end);
    this.#advance();
  }

  onEnd(): void {
    this.#inputEnded = true;
    if (this.#phase === "lingering") {
      this.#closeOnceSent();
      return;
    }
    this.#receiver.receiveEnd();
    this.#advance();
  }

  onDrain(): void {
    if (this.#phase === "lingering") {
      if (this.#inputEnded) this.#stream.close();
    } else if (this.#answerPaused) {
      this.#answerPaused = false;
      this.#pending?.resume();
    }
    if (this.#phase === "answer" && this.#pending === null && this.#head === null)
      this.#nextCycle();
  }

  onClose(): void {
    this.#phase = "closed";
    this.#pending?.cancel();
    this.#pending = null;
    this.#content?.release();
    this.#content = null;
    this.#context.onClosed(this);
  }

  onContentWritten(): void {
    if (this.#phase !== "content") return;
    if (this.#contentComplete) this.#dispatch();
    else this.#resumeInput();
  }

  onContentFailed(error: Error): void {
    this.#content = null;
    if (this.#phase !== "content") return;
    this.#context.log.error("a request's content could not be kept", { cause: error.message });
    this.#refuse(507);
  }

  onAnswerHead(
    status: number,
    contentLength: number | null,
    bytes: Buffer,
    headStart: number,
    headEnd: number,
    contentEnd: number,
    complete: boolean,
  ): void {
    const head = this.#head;
    if (head === null) return;
    const persistent = this.#mayPersist(head);
    this.#response.begin(head, persistent, status, contentLength);
    this.#response.head(bytes, headStart, headEnd, contentEnd, complete);
    if (complete) this.#finishAnswer();
    else this.#holdBack();
  }

  onAnswerContent(bytes: Buffer, start: number, end: number): void {
    this.#response.content(bytes, start, end);
    this.#holdBack();
  }

  onAnswerEnd(): void {
    this.#response.end();
    this.#finishAnswer();
  }

  onAnswerFailure(failure: AnswerFailure | "application-aborted"): void {
    this.#pending = null;
    if (this.#response.begun || failure === "application-aborted") {
      this.#context.log.warn("an answer was cut short", { request: this.#describe() });
      this.#cutShort();
      return;
    }
    this.#answerError(FAILURE_STATUS[failure]);
  }

  /** Takes what the receiver has, as far as the present request allows. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#takeEvent());
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#context.log.info("a request was refused", {
        status: error.status,
        code: error.code,
        cause: error.message,
        section: error.section,
      });
      this.#refuse(error.status);
    } finally {
      this.#advancing = false;
    }
  }

  /** @returns whether there may be more */
  #takeEvent(): boolean {
    if (this.#phase === "lingering" || this.#phase === "closed") return false;
    const event = this.#receiver.next();
    switch (event.kind) {
      case "head":
        this.#beginRequest(event);
        return true;
      case "content":
        this.#takeContent(event.bytes, event.start, event.end);
        return true;
      case "end":
        this.#contentComplete = true;
        if (this.#content === null || this.#content.pendingBytes === 0) this.#dispatch();
        return true;
      case "need-data":
        this.#awaitMore();
        return false;
      case "paused":
        if (this.#receiver.bufferedBytes > PIPELINED_BYTES_MAX) this.#pauseInput();
        return false;
      case "closed":
        if (this.#phase !== "answer" && this.#phase !== "content") this.#linger();
        return false;
      default:
        return event satisfies never;
    }
  }

  #beginRequest(head: RequestHead): void {
    this.#head = head;
    this.#contentComplete = false;
    const { framing, expectsContinue } = head.section;
    if (framing.kind === "none") return;
    this.#enter("content", this.#context.settings.bodyTimeoutMs);
    this.#content = new RequestContent(this.#context.settings.spool, this);
    // A client that sent some of the content already does not wait (RFC 9110 section 10.1.1).
    if (expectsContinue && this.#receiver.bufferedBytes === 0) {
      this.#stream.write(CONTINUE, 0, CONTINUE.length);
    }
  }

  #takeContent(bytes: Buffer, start: number, end: number): void {
    if (this.#content === null) return;
    this.#deadlineMs = this.#context.nowMs + this.#context.settings.bodyTimeoutMs;
    this.#content.append(bytes, start, end);
    if (this.#content !== null && this.#content.pendingBytes > SPOOL_PENDING_MAX_BYTES) {
      this.#pauseInput();
    }
  }

  /** The request has arrived whole: hands it on. */
  #dispatch(): void {
    const head = this.#head;
    if (head === null) return;
    this.#enter("answer", Infinity);
    this.#resumeInput();
    if (head.form === "asterisk") {
      this.#answerServerOptions();
      return;
    }
    if (head.method === "CONNECT" || head.method === "TRACE") {
      this.#answerError(501);
      return;
    }
    const content = this.#content;
    this.#pending = this.#requests.handle(
      {
        head,
        content: content === null ? null : content.take(),
        contentLength: head.section.framing.kind === "chunked" ? (content?.lengthBytes ?? 0) : null,
      },
      this,
    );
    if (this.#pending === null) this.#answerError(FAILURE_STATUS["queue-full"]);
  }

  /**
   * `OPTIONS *` asks about the server, not about anything in the application (RFC 9110 section
   * 9.3.7).
   */
  #answerServerOptions(): void {
    const head = Buffer.from(
      "200 OK\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\nContent-Length: 0\r\n",
    );
    this.onAnswerHead(200, 0, head, 0, head.length, head.length, true);
  }

  #mayPersist(head: RequestHead): boolean {
    const more = !(this.#context.draining || this.#inputEnded) || this.#receiver.bufferedBytes > 0;
    return head.section.persistent && more;
  }

  /** Stops the worker while the client has too much to take already. */
  #holdBack(): void {
    if (this.#answerPaused || this.#pending === null) return;
    if (this.#stream.unsentBytes <= this.#context.settings.responseBufferBytes) return;
    this.#answerPaused = true;
    this.#pending.pause();
  }

  #finishAnswer(): void {
    this.#pending = null;
    this.#answerPaused = false;
    this.#releaseRequest();
    if (this.#response.fellShort) {
      this.#context.log.error("an answer was shorter than its Content-Length");
      this.#cutShort();
    } else if (!this.#response.keepAlive) {
      this.#linger();
    } else if (this.#stream.unsentBytes <= this.#context.settings.responseBufferBytes) {
      this.#nextCycle();
    }
    // Otherwise the client does not read its answers: its next request waits for `onDrain`.
  }

  #nextCycle(): void {
    this.#enter("idle", this.#context.settings.keepAliveTimeoutMs);
    this.#receiver.nextCycle();
    this.#resumeInput();
    if (this.#receiver.bufferedBytes > 0 || this.#inputEnded) this.#advance();
  }

  #awaitMore(): void {
    if (this.#phase !== "idle" || this.#receiver.idle) return;
    this.#enter("head", this.#context.settings.headerTimeoutMs);
  }

  /** Answers with an error of the gateway's own; the connection may go on. */
  #answerError(status: number): void {
    const { head, content, contentLength } = errorResponse(status);
    const bytes = Buffer.concat([head, retryAfter(status), content]);
    const headEnd = bytes.length - content.length;
    this.onAnswerHead(status, contentLength, bytes, 0, headEnd, bytes.length, true);
  }

  /** Answers a request that is not well-formed, or that cannot be taken, and closes. */
  #refuse(status: number): void {
    this.#releaseRequest();
    const { head, content, contentLength } = errorResponse(status);
    const method = this.#receiver.requestMethod ?? UNKNOWN_METHOD;
    this.#response.begin({ method, versionMinor: 1 }, false, status, contentLength);
    const bytes = Buffer.concat([head, retryAfter(status), content]);
    const headEnd = bytes.length - content.length;
    this.#response.head(bytes, 0, headEnd, bytes.length, true);
    this.#linger();
  }

  /** Ends an answer that is not whole, in a way that the client can tell from a whole one. */
  #cutShort(): void {
    this.#releaseRequest();
    if (this.#response.endsWithConnection) this.#stream.reset();
    else this.#linger();
  }

  #releaseRequest(): void {
    this.#head = null;
    this.#content?.release();
    this.#content = null;
  }

  #linger(): void {
    if (this.#phase === "lingering" || this.#phase === "closed") return;
    this.#enter("lingering", LINGER_MS);
    this.#lingerEndsMs = this.#context.nowMs + LINGER_TOTAL_MS;
    this.#resumeInput();
    this.#stream.end();
    if (this.#inputEnded) this.#closeOnceSent();
  }

  #closeOnceSent(): void {
    if (this.#stream.unsentBytes === 0) this.#stream.close();
  }

  #onDeadline(): void {
    switch (this.#phase) {
      case "head":
        // Whoever has not begun a request is not owed an answer.
        if (this.#receiver.idle) this.#stream.close();
        else this.#refuse(408);
        break;
      case "content":
        this.#refuse(408);
        break;
      case "lingering":
        // The answer is still leaving: the write timeout is what bounds it.
        if (this.#stream.unsentBytes === 0) this.#stream.close();
        break;
      case "idle":
        this.#stream.close();
        break;
      case "answer":
      case "closed":
        break;
      default:
        this.#phase satisfies never;
    }
  }

  #pauseInput(): void {
    if (this.#inputPaused) return;
    this.#inputPaused = true;
    this.#stream.pauseReading();
  }

  #resumeInput(): void {
    if (!this.#inputPaused) return;
    this.#inputPaused = false;
    this.#stream.resumeReading();
  }

  #enter(phase: Phase, timeoutMs: number): void {
    this.#phase = phase;
    this.#deadlineMs = this.#context.nowMs + timeoutMs;
  }

  #describe(): string | null {
    return this.#head === null ? null : `${this.#head.method} ${this.#head.rawTarget}`;
  }
}

/** A field line for those who may come again (RFC 9110 section 10.2.3). */
function retryAfter(status: number): Buffer {
  return Buffer.from(status === 503 ? `Retry-After: ${RETRY_AFTER_SECONDS}\r\n` : "");
}
