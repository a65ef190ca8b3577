/**
 * What is told of each exchange of one connection, to the access log and to whoever else listens:
 * when it began, and what is said of it at its end. Exists only where somebody listens, and while
 * its client is busy.
 *
 * Owns the one record of the server between an exchange's end and its line. Knows no format, and
 * nothing of the phases of a connection: it is told when an exchange begins and when it ends.
 */
import type { PendingAnswer } from "../handlers/handler.ts";
import type { RequestHead } from "../http1/request-head.ts";
import { CLIENT_CLOSED_REQUEST } from "./access-log/access-record.ts";
import type { ExchangeRecord } from "./access-log/exchange-record.ts";
import { RepeatedParts } from "./access-log/repeated-parts.ts";
import type { ExchangeClock } from "./exchange-clock.ts";
import type { ExchangeListener } from "./exchange-listener.ts";
import type { ReceivedRequest } from "./received-request.ts";
import type { ResponseWriter } from "./response-writer.ts";
import type { Screening } from "./screening.ts";
import type { ExchangeTrace } from "./traces/exchange-trace.ts";
import type { RequestTracer } from "./traces/request-tracer.ts";

/** What the connections of a server share to tell of their exchanges. */
export interface ExchangeLogging {
  readonly listener: ExchangeListener;
  /** Filled in anew for each exchange. */
  readonly record: ExchangeRecord;
  readonly clock: ExchangeClock;
  /** Whether they are told from the start; else once somebody looks at the server. */
  readonly fromStart: boolean;
  /** Gives each exchange its place in a trace; null where requests are not traced. */
  readonly tracer: RequestTracer | null;
}

const US_PER_MS = 1_000;

export class ExchangeLog {
  readonly #logging: ExchangeLogging;
  readonly #screening: Screening;
  readonly #response: ResponseWriter;
  readonly #repeated = new RepeatedParts();
  #isUnderWay = false;
  #startedAtMs = 0;
  #startedAtEpochMs = 0;
  #pending: PendingAnswer | null = null;
  #trace: ExchangeTrace | null = null;
  /** Where the span is recorded: when the request was there, and when its answer began to leave. */
  #receivedAtMs: number | null = null;
  #answeredAtMs: number | null = null;

  constructor(logging: ExchangeLogging, screening: Screening, response: ResponseWriter) {
    this.#logging = logging;
    this.#screening = screening;
    this.#response = response;
    response.keepsHeads = logging.listener.readsResponseFields;
    if (logging.tracer !== null) response.onBegun = () => this.#answerBegins();
  }

  /** Whether an exchange has begun and has no line yet. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** The first byte of a request is there, or an answer that nobody has asked for is to leave. */
  begin(): void {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    this.#trace = null;
    this.#receivedAtMs = null;
    this.#answeredAtMs = null;
    this.#startedAtMs = this.#logging.clock.nowMs();
    this.#startedAtEpochMs = this.#logging.clock.epochMs(this.#startedAtMs);
  }

  /**
   * The request is there, and is about to be handed on.
   *
   * @returns its place in its trace; null where requests are not traced
   */
  received(head: RequestHead): ExchangeTrace | null {
    const { tracer, clock } = this.#logging;
    if (tracer === null) return null;
    this.#trace = tracer.begin(head.section, this.#screening.endpoints);
    if (this.#trace.isSampled) this.#receivedAtMs = clock.nowMs();
    return this.#trace;
  }

  /** Somebody makes the answer; null for nobody any more, or yet. */
  handedOn(pending: PendingAnswer | null): void {
    this.#pending = pending;
  }

  /**
   * The answer has left, as far as it will. Does nothing where there is a line already.
   *
   * @param head    null where none could be read
   * @param request null where it did not arrive whole
   */
  end(head: RequestHead | null, request: ReceivedRequest | null): void {
    const { status } = this.#response;
    const { answer = null } = this.#screening.admission ?? {};
    // A probe may be answered something else than what it asks for, like any request.
    const isHealthAnswer = answer?.isHealthAnswer === true && answer.status === status;
    if (!isHealthAnswer && this.#pending?.isHealthAnswer !== true) {
      this.#write(head, request, true);
      return;
    }
    this.#isUnderWay = false;
    this.#pending = null;
  }

  /** The connection has ended. Does nothing where no exchange was under way. */
  closed(head: RequestHead | null, request: ReceivedRequest | null): void {
    this.#write(head, request, this.#response.begun);
  }

  #write(head: RequestHead | null, request: ReceivedRequest | null, isAnswered: boolean): void {
    if (!this.#isUnderWay) return;
    this.#isUnderWay = false;
    const { listener, record, clock } = this.#logging;
    const response = this.#response;
    const screening = this.#screening;
    const provenance = head === null ? null : screening.provenanceOf(head);
    record.begin(head, provenance, screening.endpoints, this.#repeated);
    record.startedAtEpochMs = this.#startedAtEpochMs;
    record.durationUs = Math.round((clock.nowMs() - this.#startedAtMs) * US_PER_MS);
    record.isAborted = !isAnswered;
    record.status = isAnswered ? response.status : CLIENT_CLOSED_REQUEST;
    record.contentBytes = isAnswered ? response.contentBytes : 0;
    record.responseHead = isAnswered ? response.keptHead : null;
    record.failure = request?.failure ?? null;
    record.requestContentBytes = request?.contentBytes ?? 0;
    const named = request?.idInUse ?? (isAnswered ? response.requestId : null);
    record.requestId = named ?? record.requestId;
    const share = this.#pending?.workerShare ?? null;
    this.#pending = null;
    if (share !== null) {
      record.queueUs = share.queueUs;
      record.applicationUs = share.applicationUs;
      record.workerPid = share.workerPid;
      record.generation = share.workerGeneration;
      record.retries = share.retries;
    }
    if (this.#logging.tracer !== null) this.#addTrace(this.#logging.tracer, head);
    listener.add(record);
  }

  #answerBegins(): void {
    if (this.#trace?.isSampled === true) this.#answeredAtMs = this.#logging.clock.nowMs();
  }

  /** An exchange that was not handed on has its place in a trace all the same. */
  #addTrace(tracer: RequestTracer, head: RequestHead | null): void {
    const { record } = this.#logging;
    record.trace = this.#trace ?? tracer.begin(head?.section ?? null, this.#screening.endpoints);
    record.receivedUs = this.#sinceStartUs(this.#receivedAtMs);
    record.answeredUs = this.#sinceStartUs(this.#answeredAtMs);
  }

  #sinceStartUs(atMs: number | null): number | null {
    return atMs === null ? null : Math.round((atMs - this.#startedAtMs) * US_PER_MS);
  }
}
