/**
 * Applications for connections full of arbitrary requests: what is answered depends on the request
 * alone, so that the answers can be foretold, and every way in which a worker can answer or fail
 * comes about.
 */
import type {
  ConnectionHandler,
  HandledRequest,
  PendingAnswer,
  RequestHandler,
} from "../../src/handlers/handler.ts";
import type { AnswerFailure, AnswerSink } from "../../src/workers/application-request.ts";
import { hashOf } from "../fuzz/dice.ts";

/** What a worker sends for one request. */
export interface AnswerProgram {
  readonly status: number;
  /** The Content-Length that the application gives; null for none. */
  readonly declared: number | null;
  /** The content; the first piece travels with the head. */
  readonly pieces: readonly string[];
  /** 103 (Early Hints) before the answer. */
  readonly hints: boolean;
  /** What goes wrong: at once, or behind the last piece. */
  readonly failure: AnswerFailure | "application-aborted" | null;
}

/** What decides about the answer; `content` has one byte a character. */
export interface AnsweredRequest {
  readonly method: string;
  readonly target: string;
  readonly content: string;
}

const PLAIN = { status: 200, hints: false, failure: null } as const;

type ProgramMaker = (echo: string) => AnswerProgram;

const MAKERS: readonly ProgramMaker[] = [
  (echo) => ({ ...PLAIN, declared: echo.length, pieces: [echo] }),
  (echo) => ({ ...PLAIN, declared: echo.length, pieces: [echo.slice(0, 2), echo.slice(2)] }),
  (echo) => ({ ...PLAIN, declared: null, pieces: [echo, "", "more", echo.repeat(9)] }),
  () => ({ ...PLAIN, declared: null, pieces: [] }),
  (echo) => ({ ...PLAIN, declared: 3, pieces: [echo] }),
  (echo) => ({ ...PLAIN, declared: 3, pieces: ["a", "b", echo, echo] }),
  (echo) => ({ ...PLAIN, declared: echo.length + 5, pieces: [echo] }),
  () => ({ ...PLAIN, declared: 0, pieces: [] }),
  (echo) => ({ ...PLAIN, status: 404, hints: true, declared: null, pieces: [echo, echo] }),
  (echo) => ({ ...PLAIN, hints: true, declared: echo.length, pieces: [echo] }),
  () => ({ ...PLAIN, status: 204, declared: null, pieces: [] }),
  (echo) => ({ ...PLAIN, status: 204, declared: echo.length, pieces: [echo, echo] }),
  (echo) => ({ ...PLAIN, status: 205, declared: echo.length, pieces: [echo] }),
  (echo) => ({ ...PLAIN, status: 205, declared: null, pieces: [echo, echo] }),
  (echo) => ({ ...PLAIN, status: 304, declared: echo.length, pieces: [] }),
  (echo) => ({ ...PLAIN, status: 304, declared: null, pieces: [echo] }),
  (echo) => ({ ...PLAIN, declared: null, pieces: [echo, echo], failure: "application-aborted" }),
  (echo) => ({
    ...PLAIN,
    declared: echo.length + 1,
    pieces: [echo],
    failure: "application-aborted",
  }),
  () => ({ ...PLAIN, declared: null, pieces: [], failure: "application-error" }),
  () => ({ ...PLAIN, declared: null, pieces: [], failure: "worker-exited" }),
  () => ({ ...PLAIN, declared: null, pieces: [], failure: "queue-full" }),
];

/** The answer to a request. Content that tells requests apart, and a way that does not. */
export function programFor(request: AnsweredRequest): AnswerProgram {
  const { method, target, content } = request;
  const hash = hashOf(Buffer.from(`${method} ${target}\n${content}`, "latin1"));
  const maker = MAKERS[hash % MAKERS.length] as ProgramMaker;
  return maker(`${method} ${hash.toString(16)}`);
}

export function headOf({ status, declared }: AnswerProgram): string {
  const length = declared === null ? "" : `Content-Length: ${declared}\r\n`;
  return `${status} Any Reason\r\nX-Any: \u00e9\r\n${length}`;
}

/** Why it fails before its head; null where it does not. */
export function immediateFailure({ failure }: AnswerProgram): AnswerFailure | null {
  return failure === "application-aborted" ? null : failure;
}

/** An answer that is being given, one step in each turn. */
class PlayedProgram implements PendingAnswer {
  readonly workerShare = null;
  readonly #steps: ((sink: AnswerSink) => void)[];
  readonly #sink: AnswerSink;
  paused = false;

  constructor(program: AnswerProgram, sink: AnswerSink) {
    this.#steps = stepsOf(program);
    this.#sink = sink;
  }

  get done(): boolean {
    return this.#steps.length === 0;
  }

  step(): void {
    this.#steps.shift()?.(this.#sink);
  }

  cancel(): void {
    this.#steps.length = 0;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

function stepsOf(program: AnswerProgram): ((sink: AnswerSink) => void)[] {
  const { status, declared, pieces, hints, failure } = program;
  const atOnce = immediateFailure(program);
  if (atOnce !== null) return [(sink) => sink.onAnswerFailure(atOnce)];
  const head = Buffer.from(headOf(program), "latin1");
  const [first = "", ...rest] = pieces.map((piece) => Buffer.from(piece, "latin1"));
  const bytes = Buffer.concat([head, Buffer.from(first)]);
  const isWhole = rest.length === 0 && failure === null;
  const steps: ((sink: AnswerSink) => void)[] = [];
  if (hints) {
    const hint = Buffer.from("103 Early Hints\r\nLink: </a>\r\n");
    steps.push((sink) => sink.onAnswerInterim(103, hint, 0, hint.length));
  }
  steps.push((sink) =>
    sink.onAnswerHead(status, declared, bytes, 0, head.length, bytes.length, isWhole),
  );
  if (isWhole) return steps;
  for (const piece of rest) {
    steps.push((sink) => sink.onAnswerContent(piece, 0, piece.length));
  }
  if (failure === null) steps.push((sink) => sink.onAnswerEnd());
  else steps.push((sink) => sink.onAnswerFailure(failure));
  return steps;
}

/** Gives the answers of {@link programFor}, or others, when it is told to. */
export class ProgramHandler implements RequestHandler, ConnectionHandler {
  readonly othersWait = false;
  readonly retryAfterSeconds = 1;

  /** All requests that were handed over, in order. */
  readonly requests: AnsweredRequest[] = [];
  readonly #programFor: typeof programFor;
  #waiting: PlayedProgram[] = [];

  constructor(choose: typeof programFor = programFor) {
    this.#programFor = choose;
  }

  openConnection(): ConnectionHandler {
    return this;
  }

  handle({ head, content }: HandledRequest, sink: AnswerSink): PendingAnswer | null {
    const text = Buffer.isBuffer(content) ? content.toString("latin1") : "";
    const request = { method: head.method, target: head.rawTarget, content: text };
    this.requests.push(request);
    const program = this.#programFor(request);
    if (program.failure === "queue-full") return null;
    const answer = new PlayedProgram(program, sink);
    this.#waiting.push(answer);
    return answer;
  }

  /** Whether there is nothing that could be said now. */
  get silent(): boolean {
    return this.#waiting.every(({ done, paused }) => done || paused);
  }

  /** One step of each answer that is not held back. */
  turn(): void {
    for (const answer of this.#waiting) if (!answer.paused) answer.step();
    this.#waiting = this.#waiting.filter(({ done }) => !done);
  }
}
