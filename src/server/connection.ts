/**
 * One HTTP/1.1 connection: a byte stream, the sans-IO receiver, and the answers of a handler, in
 * order.
 *
 * Requests are taken one at a time. While one is being answered, what the client pipelines behind
 * it waits in the receiver, up to a bound; then the stream is not read any more. A request is
 * handed on only when it has arrived whole, or comes fast, so that a slow client holds no worker.
 *
 * Owns the order and the deadlines of its connection. Knows nothing of Python, and nothing of how
 * time passes: the server sweeps over all connections with the present time.
 */
import { ProtocolError } from "../base/errors.ts";
import { RequestReceiver } from "../http1/receiver.ts";
import type { RequestHead } from "../http1/request-head.ts";
import { CONTINUE } from "../http1/response.ts";
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import type { AnswerFailure, AnswerSink, SocketLoan } from "../workers/application-request.ts";
import { AnswerOutlet, type OutletOwner } from "./answer-outlet.ts";
import type { AnswerSource } from "./answer-source.ts";
import { ClientInput } from "./client-input.ts";
import type { ConnectionActivity, ConnectionPhase } from "./connection-activity.ts";
import type { ConnectionContext, ServedConnection } from "./connection-context.ts";
import { ContentIntake } from "./content-intake.ts";
import type { ContentLoanOwner } from "./content-loan.ts";
import { ExchangeLog } from "./exchange-log.ts";
import { contentFailure } from "./failure-answer.ts";
import {
  errorAnswer,
  gatewayAnswer,
  isWorthTaking,
  withAddedFields,
  type WrittenAnswer,
} from "./gateway-answer.ts";
import type { IdleConnection } from "./idle-connection.ts";
import { Lingering } from "./lingering.ts";
import { OwnFields } from "./own-fields.ts";
import { Handover } from "./handover.ts";
import { type FramedRequest, ResponseWriter } from "./response-writer.ts";
import { Screening } from "./screening.ts";
import { lendSocket } from "./socket-loan.ts";

/** For so long a client may repeat itself at no cost; then its connection is an idle one. */
const REST_AFTER_MS = 1_000;
/** What a connection that is one too many gets to ask how the gateway is, which is answered. */
const ONE_TOO_MANY_MS = 1_000;
const LATE = "the request did not arrive in time";

export class HttpConnection
  implements ByteStreamHandler, AnswerSink, OutletOwner, ServedConnection, ContentLoanOwner
{
  readonly activity: ConnectionActivity;
  phase: ConnectionPhase;
  head: RequestHead | null = null;
  readonly #context: ConnectionContext;
  readonly #stream: ByteStream;
  readonly #idle: IdleConnection;
  readonly #screening: Screening;
  readonly #receiver: RequestReceiver;
  readonly #response: ResponseWriter;
  readonly #outlet: AnswerOutlet;
  #deadlineMs: number;
  /** When an idle connection gives back what it keeps for the next request. */
  #restAtMs = Infinity;
  /** When the present exchange has taken too long in all. */
  #exchangeEndsMs = Infinity;
  #isOneTooMany = false;
  /** Made for the first request that has content. */
  #intake: ContentIntake | null = null;
  readonly #handover: Handover;
  readonly #source: AnswerSource;
  #inputEnded = false;
  readonly #input: ClientInput;
  #advancing = false;
  #lingering: Lingering | null = null;
  /** Where exchanges are logged, of a client that is busy. */
  #exchangeLog: ExchangeLog | null = null;

  /** @param idle whose stream it takes over, and gives back */
  constructor(context: ConnectionContext, idle: IdleConnection) {
    const { activity, endpoints } = idle;
    const { stream } = activity;
    this.#context = context;
    this.#idle = idle;
    this.#stream = stream;
    this.activity = activity;
    this.phase = idle.phase;
    this.#deadlineMs = idle.deadlineMs;
    this.#screening = new Screening(context, endpoints);
    this.#receiver = new RequestReceiver(context.settings.request);
    this.#outlet = new AnswerOutlet(stream, context.settings.outlet, context.heldMemory, this);
    this.#response = new ResponseWriter(this.#outlet, context.headWriter, context.scratch);
    this.#input = new ClientInput(stream);
    this.#handover = new Handover(context, this.#screening, this.#receiver, this.#input, this);
    this.#source = this.#handover.source;
    this.#response.ownFields = OwnFields.of(context.settings, this.#screening, this.#source);
    stream.handler = this;
  }

  isIdle(): boolean {
    if (this.#outlet.flush() > 0) return false;
    return this.phase === "idle" || (this.phase === "head" && this.#receiver.idle);
  }

  /**
   * Ends the connection at once. Where only its end tells the client where the content ends, and
   * not all of that has left, the client must not take what it has for the whole: it gets a reset.
   */
  close(): void {
    const unfinished = this.#response.begun || this.#outlet.flush() > 0;
    if (unfinished && this.#response.endsWithConnection) this.#stream.reset();
    else this.#stream.close();
  }

  /**
   * One connection too many: it gets an honest answer, and the lingering close that lets the client
   * read it.
   *
   * @param atOnce else one request is read, since it may be one after the gateway's health
   */
  turnAway(atOnce: boolean): void {
    this.#isOneTooMany = true;
    if (atOnce) this.#refuse(503, null);
    else this.#enter("head", ONE_TOO_MANY_MS);
  }

  sweep(): void {
    const now = this.#context.nowMs;
    if (now >= this.#restAtMs && this.#rest()) return;
    if (now >= this.#deadlineMs) this.#onDeadline();
    if (this.phase === "content" && this.#intake?.tooSlow(now) === true) this.#refuse(408, LATE);
    if (now >= this.#exchangeEndsMs) this.#onExchangeTooLong();
    if (this.#handover.isHeldTooLong(now)) this.onContentLeft();
    // A reset gives the kernel's memory back as well, which a slow reader would hold on to.
    if (this.#outlet.look(now, this.#handover.handler.othersWait)) this.#stream.reset();
  }

  onBytes(bytes: Buffer, end: number): void {
    if (this.#lingering !== null) {
      if (this.#lingering.drop(end)) this.close();
      this.#deadlineMs = this.#lingering.deadline(this.#context.nowMs);
      return;
    }
    this.#receiver.receive(bytes, end);
    this.#advance();
  }

  onEnd(): void {
    this.#inputEnded = true;
    if (this.phase === "lingering") return this.#closeOnceSent();
    this.#receiver.receiveEnd();
    this.#advance();
  }

  onDrain(): void {
    this.#outlet.onDrain();
  }

  onOutletDrained(): void {
    if (!this.#outlet.full) this.#source.resume();
    const isAnswered = !this.#source.isMaking && this.head === null;
    if (this.phase === "answer" && isAnswered && this.#outlet.caughtUp) this.#nextCycle();
    else if (this.phase === "idle") this.#awaitNext();
    else if (this.phase === "lingering" && this.#inputEnded) this.#closeOnceSent();
  }

  onOutletFailed(error: Error, isLost: boolean): void {
    this.#context.failures.addUnkeptAnswer(error, isLost, this.#context.nowMs);
    if (isLost) this.#stream.reset();
  }

  onClose(): void {
    this.phase = "closed";
    this.#source.cancel();
    this.#exchangeLog?.closed(this.head, this.#handover.request);
    this.#intake?.drop();
    this.#outlet.release();
    this.#context.onClosed(this);
  }

  onContentWritten(): void {
    if (this.phase !== "content") return;
    if (this.#intake?.complete === true) this.#dispatch();
    else this.#input.resume(this.#intake, this.#context.nowMs);
  }

  onContentFailed(error: Error): void {
    const head = this.head;
    if (head === null || (this.phase !== "content" && !this.#handover.isLent)) return;
    this.#source.cancel();
    this.#answerAndClose(this.#handover.failed(contentFailure(error), head, error.message), head);
  }

  onContentTaken(): void {
    this.#handover.endLoan();
    this.#input.resume(this.#intake, this.#context.nowMs);
    this.#advance();
  }

  onContentLeft(): void {
    this.#handover.takeBack(this.#exchangeLog);
    if (this.phase === "answer") this.#enter("content", Infinity);
    if (this.#intake?.behind !== true) this.#input.resume(this.#intake, this.#context.nowMs);
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
    const head = this.head;
    if (head === null) return;
    const persistent = this.#mayPersist(head);
    this.#response.begin(head, persistent, status, contentLength, this.#handover.request);
    const { admission } = this.#screening;
    if (admission === null) {
      this.#response.head(bytes, headStart, headEnd, contentEnd, complete);
    } else {
      const answer = { status, contentLength, bytes, headStart, headEnd, contentEnd };
      this.#response.answer(withAddedFields(answer, admission), complete);
    }
    if (complete) this.#finishAnswer();
    else this.#holdBack();
  }

  onAnswerInterim(_status: number, bytes: Buffer, headStart: number, headEnd: number): void {
    // HTTP/1.0 knows no interim responses (RFC 9110 section 15.2).
    if (this.head?.versionMinor !== 1) return;
    this.#response.interim(bytes, headStart, headEnd);
    this.#holdBack();
  }

  onAnswerContent(bytes: Buffer, start: number, end: number): void {
    this.#response.content(bytes, start, end);
    this.#holdBack();
  }

  lendSocket(): SocketLoan | null {
    return lendSocket(this.#stream, this.#outlet, this.#response);
  }

  onAnswerEnd(): void {
    this.#response.end();
    this.#finishAnswer();
  }

  onAnswerFailure(failure: AnswerFailure | "application-aborted"): void {
    // All that is missing is that its worker says so. The client may have gone on by now.
    if (failure !== "application-aborted" && this.#response.isWhole) return this.onAnswerEnd();
    const head = this.head;
    this.#source.end();
    if (this.#response.begun || failure === "application-aborted") {
      const { request } = this.#handover;
      if (request !== null) this.#context.failures.addCutShort(request);
      return this.#cutShort();
    }
    if (head !== null) this.#answer(this.#handover.failed(failure, head));
  }

  /** Takes what the receiver has, as far as the present request allows. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#takeEvent());
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#context.failures.addRefused(error, this.#context.nowMs);
      this.#refuse(error.status, error.message);
    } finally {
      this.#advancing = false;
    }
  }

  /** @returns whether there may be more */
  #takeEvent(): boolean {
    if (this.phase === "lingering" || this.phase === "closed") return false;
    const event = this.#receiver.next();
    switch (event.kind) {
      case "head":
        this.#beginRequest(event);
        return true;
      case "content":
        this.#takeContent(event.bytes, event.start, event.end);
        return true;
      case "end":
        // Content that a worker has taken belongs to a request that was handed on before.
        if (this.phase !== "answer" && this.#intake?.end() !== false) this.#dispatch();
        return true;
      case "need-data":
        this.#awaitMore();
        return false;
      case "paused":
        if (this.#receiver.bufferedBytes > this.#context.settings.pipelinedLimitBytes) {
          this.#input.pause(this.#intake, this.#context.nowMs);
        }
        return false;
      case "closed":
        if (this.phase !== "answer" && this.phase !== "content") this.#linger();
        return false;
      default:
        return event satisfies never;
    }
  }

  #beginRequest(head: RequestHead): void {
    const { settings, errorPages } = this.#context;
    this.#restAtMs = Infinity;
    this.head = head;
    this.activity.requests++;
    this.#beginExchange();
    this.#screening.screen(head);
    const answer = this.#screening.admission?.answer ?? null;
    if (this.#isOneTooMany && answer?.isHealthAnswer !== true) {
      this.#answerAndClose(errorAnswer(errorPages, 503, null), head);
      return;
    }
    const { framing, expectsContinue } = head.section;
    if (framing.kind === "none") return;
    if (answer !== null && !isWorthTaking(head.section)) {
      return this.#answerAndClose(gatewayAnswer(errorPages, answer), head);
    }
    this.#enter("content", Infinity);
    this.#intake ??= new ContentIntake(settings, this);
    this.#intake.begin(this.#context.nowMs);
    // A client that sent some of the content already does not wait (RFC 9110 section 10.1.1).
    if (expectsContinue && this.#receiver.bufferedBytes === 0) {
      this.#outlet.write(CONTINUE, 0, CONTINUE.length);
    }
  }

  #takeContent(bytes: Buffer, start: number, end: number): void {
    this.#intake?.append(bytes, start, end, this.#context.nowMs);
    if (this.#intake?.behind === true) this.#input.pause(this.#intake, this.#context.nowMs);
    if (this.head === null || this.#intake === null || this.#inputEnded) return;
    if (!this.#handover.offer(this.head, this.#stream, this.#intake, this.#exchangeLog)) return;
    this.#enter("answer", Infinity);
  }

  /** The request has arrived whole: hands it on. */
  #dispatch(): void {
    const head = this.head;
    if (head === null) return;
    this.#enter("answer", Infinity);
    this.#input.resume(this.#intake, this.#context.nowMs);
    const answer = this.#screening.admission?.answer ?? null;
    if (answer !== null) {
      this.#answer(gatewayAnswer(this.#context.errorPages, answer));
      return;
    }
    if (!this.#handover.handOn(head, this.#intake, this.#exchangeLog)) {
      this.#answer(this.#handover.failed("queue-full", head));
    }
  }

  #mayPersist(head: RequestHead): boolean {
    // What is left of its content is in the way of a next request.
    if (this.#isOneTooMany || this.#receiver.remainingBytes > 0) return false;
    const more = !(this.#context.draining || this.#inputEnded) || this.#receiver.bufferedBytes > 0;
    return head.section.persistent && more && this.#context.settings.keepAliveTimeoutMs !== null;
  }

  /** Stops the worker while the client has too much to take already. */
  #holdBack(): void {
    if (!this.#source.isFlowing) return;
    if (!this.#outlet.makeRoom(this.#handover.handler.othersWait)) this.#source.pause();
  }

  #finishAnswer(): void {
    this.#source.end();
    this.#endExchange();
    if (this.#response.fellShort) {
      this.#context.log.error("an answer was shorter than its Content-Length");
      this.#cutShort();
    } else if (!this.#response.keepAlive) {
      this.#linger();
    } else if (this.#outlet.caughtUp) {
      this.#nextCycle();
    }
  }

  /** A client is idle from the moment at which it has its answer. */
  #awaitNext(): void {
    this.#enter("idle", this.#context.settings.keepAliveTimeoutMs ?? 0);
    this.#restAtMs = this.#context.nowMs + REST_AFTER_MS;
  }

  /** @returns whether another handler has the stream now */
  #rest(): boolean {
    const isQuiet = this.isIdle() && !this.#inputEnded && this.#receiver.bufferedBytes === 0;
    if (!isQuiet || this.#exchangeLog?.isUnderWay === true) return false;
    this.#outlet.release();
    this.#idle.rest(this.#deadlineMs);
    this.#context.onRested(this, this.#idle);
    return true;
  }

  #nextCycle(): void {
    this.#awaitNext();
    this.#exchangeEndsMs = Infinity;
    this.#receiver.nextCycle();
    this.#input.resume(this.#intake, this.#context.nowMs);
    if (this.#receiver.bufferedBytes > 0 || this.#inputEnded) this.#advance();
  }

  #awaitMore(): void {
    if (this.#receiver.idle) return;
    this.#beginExchange();
    if (this.phase === "idle") this.#enter("head", this.#context.settings.headerTimeoutMs);
  }

  #beginExchange(): void {
    const { exchangeLogging, settings, nowMs } = this.#context;
    if (exchangeLogging !== null) {
      this.#exchangeLog ??= new ExchangeLog(exchangeLogging, this.#screening, this.#response);
      this.#exchangeLog.begin();
    }
    if (settings.exchangeTimeoutMs === null || this.#exchangeEndsMs !== Infinity) return;
    this.#exchangeEndsMs = nowMs + settings.exchangeTimeoutMs;
  }

  /** Answers in the application's place; the connection may go on. */
  #answer(answer: WrittenAnswer): void {
    const { status, contentLength, bytes, headStart, headEnd, contentEnd } = answer;
    this.onAnswerHead(status, contentLength, bytes, headStart, headEnd, contentEnd, true);
  }

  /** Answers a request that is not well-formed, or that cannot be taken, and closes. */
  #refuse(status: number, detail: string | null): void {
    this.#beginExchange();
    const { refusedHead, requestMethod } = this.#receiver;
    // The answer gets the fields that any other would, so that a page can read it (CORS).
    if (refusedHead !== null) this.#screening.screen(refusedHead);
    const answer = errorAnswer(this.#context.errorPages, status, detail);
    this.#answerAndClose(answer, { method: requestMethod, versionMinor: 1 });
  }

  #answerAndClose(answer: WrittenAnswer, framed: FramedRequest): void {
    const { status, contentLength } = answer;
    this.#response.begin(framed, false, status, contentLength, this.#handover.request);
    this.#response.answer(withAddedFields(answer, this.#screening.admission), true);
    this.#endExchange();
    this.#linger();
  }

  /** Ends an answer that is not whole, in a way that the client can tell from a whole one. */
  #cutShort(): void {
    this.#endExchange();
    if (this.#response.endsWithConnection) this.#stream.reset();
    else this.#linger();
  }

  #endExchange(): void {
    this.#exchangeLog?.end(this.head ?? this.#receiver.refusedHead, this.#handover.request);
    this.head = null;
    this.#handover.end();
    this.#screening.end();
    this.#intake?.drop();
  }

  #linger(): void {
    if (this.phase === "lingering" || this.phase === "closed") return;
    const { nowMs } = this.#context;
    this.#lingering = new Lingering(nowMs);
    this.#enter("lingering", this.#lingering.deadline(nowMs) - nowMs);
    this.#input.resume(this.#intake, this.#context.nowMs);
    this.#outlet.end();
    if (this.#inputEnded) this.#closeOnceSent();
  }

  #closeOnceSent(): void {
    if (this.#outlet.flush() === 0) this.#stream.close();
  }

  #onDeadline(): void {
    // Whoever has not begun a request is not owed an answer. Where one is still leaving, the write
    // timeout is what bounds it.
    if (this.phase === "head" && this.#isOneTooMany) this.#refuse(503, null);
    else if (this.phase === "head" && !this.#receiver.idle) this.#refuse(408, LATE);
    else this.#closeOnceSent();
  }

  #onExchangeTooLong(): void {
    this.#exchangeEndsMs = Infinity;
    if (this.phase === "head" || this.phase === "content") this.#refuse(408, LATE);
    if (this.phase !== "answer") return;
    const head = this.head;
    this.#handover.cancel();
    if (head === null || this.#response.begun) this.close();
    else this.#answerAndClose(this.#handover.failed("exchange-timed-out", head), head);
  }

  #enter(phase: ConnectionPhase, timeoutMs: number): void {
    this.phase = phase;
    this.#deadlineMs = this.#context.nowMs + timeoutMs;
  }
}
