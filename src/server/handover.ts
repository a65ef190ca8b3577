/**
 * The present request of a connection from where it is handed on to whoever answers it: whole, or
 * ahead of its content, which a worker then takes by itself. And what is answered where nobody
 * does.
 *
 * Knows nothing of how an answer leaves.
 */
import type { ConnectionHandler } from "../handlers/handler.ts";
import type { RequestReceiver } from "../http1/receiver.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ByteStream } from "../net/byte-stream.ts";
import type { AnswerSink, RequestBody } from "../workers/application-request.ts";
import { AnswerSource } from "./answer-source.ts";
import type { ClientInput } from "./client-input.ts";
import type { ConnectionContext } from "./connection-context.ts";
import type { ContentIntake } from "./content-intake.ts";
import { ContentLoan, type ContentLoanOwner } from "./content-loan.ts";
import type { ExchangeLog } from "./exchange-log.ts";
import { failureAnswer, type RequestFailure } from "./failure-answer.ts";
import type { WrittenAnswer } from "./gateway-answer.ts";
import { ReceivedRequest } from "./received-request.ts";
import type { Screening } from "./screening.ts";

export class Handover {
  /** The request, once it was to be handed on or has failed; null before. */
  request: ReceivedRequest | null = null;
  /** Who makes the answer that the sink gets. */
  readonly source = new AnswerSource();
  readonly handler: ConnectionHandler;
  readonly #context: ConnectionContext;
  readonly #screening: Screening;
  readonly #receiver: RequestReceiver;
  readonly #input: ClientInput;
  readonly #owner: AnswerSink & ContentLoanOwner;
  /** While a worker is to take the content, or takes it. */
  #loan: ContentLoan | null = null;

  constructor(
    context: ConnectionContext,
    screening: Screening,
    receiver: RequestReceiver,
    input: ClientInput,
    owner: AnswerSink & ContentLoanOwner,
  ) {
    this.handler = context.handler.openConnection(screening.endpoints);
    this.#context = context;
    this.#screening = screening;
    this.#receiver = receiver;
    this.#input = input;
    this.#owner = owner;
  }

  /** Whether the content is a worker's to take: not all of it has come by here. */
  get isLent(): boolean {
    return this.#loan !== null;
  }

  /**
   * Hands on a request that has arrived whole.
   *
   * @param intake null where no request of this connection had content
   * @returns whether somebody makes an answer now, or will
   */
  handOn(
    head: RequestHead,
    intake: ContentIntake | null,
    exchangeLog: ExchangeLog | null,
  ): boolean {
    const isChunked = head.section.framing.kind === "chunked";
    const contentBytes = isChunked ? (intake?.lengthBytes ?? 0) : null;
    return this.#handOn(head, intake?.take() ?? null, contentBytes, exchangeLog);
  }

  /**
   * Hands on a request some of whose content has come, where a worker had better take the rest by
   * itself. Once for each: a client that was slow is not believed again.
   *
   * @returns whether one will; nothing is read here until it has said what became of it
   */
  offer(
    head: RequestHead,
    stream: ByteStream,
    intake: ContentIntake,
    exchangeLog: ExchangeLog | null,
  ): boolean {
    const { settings } = this.#context;
    if (!settings.lendsContent || this.request !== null) return false;
    if ((this.#screening.admission?.answer ?? null) !== null) return false;
    const loan = ContentLoan.of(head, stream, intake, this.#receiver, this.#owner, this.#context);
    if (loan === null) return false;
    if (!this.#handOn(head, loan, null, exchangeLog)) {
      this.takeBack(exchangeLog);
      return false;
    }
    this.#loan = loan;
    this.#input.lend(intake, this.#context.nowMs);
    return true;
  }

  /** Whether a worker was waited for, to take the content, for as long as the client may be. */
  isHeldTooLong(nowMs: number): boolean {
    return this.#loan?.isHeldTooLong(nowMs) === true && this.source.isWaiting;
  }

  /** A worker has all of the content, or has left it, or there is none that could. */
  endLoan(): void {
    this.#loan = null;
    this.#input.endLoan();
  }

  /** Nobody waits for the answer any more. A worker that has the client's socket keeps it. */
  cancel(): void {
    if (this.source.isWaiting) this.endLoan();
    this.source.cancel();
  }

  /** No worker will take the content, or answer: the request is not there yet. */
  takeBack(exchangeLog: ExchangeLog | null): void {
    this.endLoan();
    this.source.cancel();
    exchangeLog?.handedOn(null);
    if (this.request !== null) this.request.content = null;
  }

  /** Has it in the log that the application does not answer this request; what is answered. */
  failed(failure: RequestFailure, head: RequestHead, cause?: string): WrittenAnswer {
    const { failures, errorPages, nowMs } = this.#context;
    // A worker that hangs may go on as long as it is there.
    if (failure !== "timed-out" && failure !== "exchange-timed-out") this.endLoan();
    this.request ??= new ReceivedRequest(head, this.#screening.provenanceOf(head));
    this.request.failure = failure;
    failures.add(failure, this.request, nowMs, cause);
    return failureAnswer(errorPages, failure, this.request, this.handler.retryAfterSeconds);
  }

  /** It has been answered. Where its content is lent, that is as it was. */
  end(): void {
    this.request = null;
    this.#loan = null;
  }

  #handOn(
    head: RequestHead,
    content: RequestBody,
    contentBytes: number | null,
    exchangeLog: ExchangeLog | null,
  ): boolean {
    if (this.request === null) {
      const provenance = this.#screening.provenanceOf(head);
      const { trailers } = this.#receiver;
      this.request = new ReceivedRequest(head, provenance, content, contentBytes, trailers);
      this.request.trace = exchangeLog?.received(head) ?? null;
    }
    this.request.content = content;
    const pending = this.handler.handle(this.request, this.#owner);
    if (pending === null) return false;
    this.source.begin(pending);
    exchangeLog?.handedOn(pending);
    return true;
  }
}
