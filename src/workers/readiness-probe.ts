/**
 * Asks a worker that has no traffic yet whether the application can answer: the request that
 * `--ready-path` stands for, past the queue.
 */
import type { AnswerFailure, AnswerSink, ApplicationRequest } from "./application-request.ts";
import { EnvironTemplate } from "./application-request.ts";
import type { WorkerChannel } from "./channel.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { encodeEnviron } from "./protocol.ts";

/** Where the application is asked. */
export interface ReadinessTarget {
  /** PATH_INFO, each character one byte, without the root path. */
  readonly path: string;
  readonly query: string;
  /** HTTP_HOST: an application may refuse hosts that it does not know. */
  readonly host: string;
  readonly scheme: "http" | "https";
}

/** What the application said: a status, or why there is none. */
export type ReadinessAnswer = number | AnswerFailure | "application-aborted";

/** Redirections included, as those who probe have it (Kubernetes: 200 to 399). */
const NOT_READY_FROM = 400;

export function isReadyAnswer(answer: ReadinessAnswer): boolean {
  return typeof answer === "number" && answer < NOT_READY_FROM;
}

/** Bounded by the time that any request may take (`--timeout`). */
export function askReadiness(
  dispatcher: Dispatcher,
  channel: WorkerChannel,
  target: ReadinessTarget,
): Promise<ReadinessAnswer> {
  return askOnce(dispatcher, channel, probeRequest(target));
}

/** Puts one request to one worker, past the queue. Bounded as every request is. */
export function askOnce(
  dispatcher: Dispatcher,
  channel: WorkerChannel,
  request: ApplicationRequest,
): Promise<ReadinessAnswer> {
  return new Promise((resolve) => {
    dispatcher.probe(channel, request, new ProbeSink(resolve));
  });
}

class ProbeSink implements AnswerSink {
  readonly #resolve: (answer: ReadinessAnswer) => void;

  constructor(resolve: (answer: ReadinessAnswer) => void) {
    this.#resolve = resolve;
  }

  onAnswerInterim(): void {}

  onAnswerHead(status: number): void {
    this.#resolve(status);
  }

  onAnswerContent(): void {}

  onAnswerEnd(): void {}

  onAnswerFailure(failure: AnswerFailure | "application-aborted"): void {
    this.#resolve(failure);
  }
}

function probeRequest({ path, query, host, scheme }: ReadinessTarget): ApplicationRequest {
  const port = scheme === "https" ? "443" : "80";
  return {
    template: new EnvironTemplate(
      encodeEnviron([
        ["REQUEST_METHOD", "GET"],
        ["SERVER_PROTOCOL", "HTTP/1.1"],
        ["SERVER_NAME", host.replace(/:\d+$/, "")],
        ["SERVER_PORT", /:(\d+)$/.exec(host)?.[1] ?? port],
        ["REMOTE_ADDR", "127.0.0.1"],
        ["REMOTE_PORT", "0"],
        ["wsgi.url_scheme", scheme],
        ["HTTP_HOST", host],
        ["HTTP_USER_AGENT", "portico (readiness)"],
        ["HTTP_ACCEPT", "*/*"],
      ]),
    ),
    path,
    query,
    rawUri: null,
    content: null,
    ownEntries: null,
    idempotent: true,
    safe: true,
    id: "readiness",
    describe: () => `GET ${path} (readiness)`,
  };
}
