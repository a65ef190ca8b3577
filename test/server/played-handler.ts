/** A handler whose answers the test gives, piece by piece, when it wants to. */
import assert from "node:assert/strict";

import type {
  ConnectionHandler,
  Endpoints,
  HandledRequest,
  PendingAnswer,
  RequestHandler,
} from "../../src/handlers/handler.ts";
import type { AnswerSink, WorkerShare } from "../../src/workers/application-request.ts";

/** One request that the handler was given, and its answer. */
export class PlayedAnswer implements PendingAnswer {
  readonly request: HandledRequest;
  /** The content as it was when the request was handed over. */
  readonly content: string | null;
  readonly sink: AnswerSink;
  workerShare: WorkerShare | null = null;
  cancelled = false;
  paused = false;

  constructor(request: HandledRequest, sink: AnswerSink) {
    this.request = request;
    const { content } = request;
    this.content = Buffer.isBuffer(content) ? content.toString("latin1") : null;
    this.sink = sink;
  }

  get path(): string {
    return this.request.head.path;
  }

  cancel(): void {
    this.cancelled = true;
  }

  pause(): void {
    assert.ok(!this.paused, "it is paused once");
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  /** A whole answer with its length declared. */
  answer(content: string, status = 200): void {
    this.begin(content, content.length, status, true);
  }

  /** The head, and a first piece of the content. */
  begin(content = "", declared: number | null = null, status = 200, complete = false): void {
    const length = declared === null ? "" : `Content-Length: ${declared}\r\n`;
    const head = `${status} OK\r\n${length}`;
    const bytes = Buffer.from(`${head}${content}`, "latin1");
    this.sink.onAnswerHead(status, declared, bytes, 0, head.length, bytes.length, complete);
    bytes.fill("!");
  }

  more(content: string): void {
    const bytes = Buffer.from(content, "latin1");
    this.sink.onAnswerContent(bytes, 0, bytes.length);
    bytes.fill("!");
  }

  end(): void {
    this.sink.onAnswerEnd();
  }
}

export class PlayedHandler implements RequestHandler, ConnectionHandler {
  readonly othersWait = false;
  readonly retryAfterSeconds = 7;

  readonly endpoints: Endpoints[] = [];
  readonly answers: PlayedAnswer[] = [];
  /** Too much is under way: nothing more is taken. */
  full = false;

  openConnection(endpoints: Endpoints): ConnectionHandler {
    this.endpoints.push(endpoints);
    return this;
  }

  handle(request: HandledRequest, sink: AnswerSink): PendingAnswer | null {
    if (this.full) return null;
    const answer = new PlayedAnswer(request, sink);
    this.answers.push(answer);
    return answer;
  }

  /** The request with that place, in the order in which they were handed over. */
  answerAt(place: number): PlayedAnswer {
    const answer = this.answers[place];
    assert.ok(answer !== undefined, `the handler was given a request number ${place}`);
    return answer;
  }
}
