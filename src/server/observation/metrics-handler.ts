/**
 * Answers a scrape: the metrics as text, at one path. Everything else goes to whoever stands
 * behind, or is not there.
 *
 * Owns who is answered what, and how often the text is made anew. Knows no metric.
 */
import { LineQuota } from "../../base/line-quota.ts";
import type { Log } from "../../base/log.ts";
import type {
  ConnectionHandler,
  Endpoints,
  HandledRequest,
  PendingAnswer,
  RequestHandler,
} from "../../handlers/handler.ts";
import { REASON_PHRASES } from "../../http/status.ts";
import type { AnswerSink } from "../../workers/application-request.ts";
import type { MetricsText } from "./metrics-text.ts";

/** A text is given again for so long once it is made: whoever asks in a loop costs little. */
const KEPT_MS = 100;

const PLAIN = "Content-Type: text/plain; charset=utf-8\r\n";

export class MetricsHandler implements RequestHandler {
  readonly #path: string;
  readonly #metrics: MetricsText;
  readonly #next: RequestHandler | null;
  readonly #nowMs: () => number;
  readonly #log: Log;
  readonly #failures = new LineQuota();
  #text: Promise<string> | null = null;
  /** Infinity while it is being made: whoever asks meanwhile waits for the same. */
  #madeAtMs = Infinity;

  /**
   * @param path compared as it comes, without its query
   * @param next has all other paths; null where there are none
   * @param log hears why there was no text: whoever scrapes only learns that there was none
   */
  constructor(
    path: string,
    metrics: MetricsText,
    next: RequestHandler | null,
    nowMs: () => number,
    log: Log,
  ) {
    this.#path = path;
    this.#metrics = metrics;
    this.#next = next;
    this.#nowMs = nowMs;
    this.#log = log;
  }

  openConnection(endpoints: Endpoints): ConnectionHandler {
    return new MetricsConnection(this, this.#next?.openConnection(endpoints) ?? null);
  }

  /** @returns null where the request is for somebody else */
  answer({ head }: HandledRequest, sink: AnswerSink): PendingAnswer | null {
    if (head.path !== this.#path) return null;
    if (head.method !== "GET" && head.method !== "HEAD") {
      const what = "metrics are there for GET and HEAD\n";
      return new MetricsAnswer(sink, 405, `Allow: GET, HEAD\r\n${PLAIN}`, Promise.resolve(what));
    }
    const fields = `Content-Type: ${this.#metrics.contentType}\r\nCache-Control: no-store\r\n`;
    return new MetricsAnswer(sink, 200, fields, this.#currentText());
  }

  /** For a path at which there is nothing. */
  missing(sink: AnswerSink): PendingAnswer {
    return new MetricsAnswer(sink, 404, PLAIN, Promise.resolve(`metrics are at ${this.#path}\n`));
  }

  #currentText(): Promise<string> {
    const nowMs = this.#nowMs();
    if (this.#text === null || nowMs - this.#madeAtMs >= KEPT_MS) {
      this.#text = this.#metrics.text();
      this.#madeAtMs = Infinity;
      const made = (): void => void (this.#madeAtMs = this.#nowMs());
      this.#text.then(made, (error: unknown) => {
        made();
        this.#report(error);
      });
    }
    return this.#text;
  }

  #report(error: unknown): void {
    const more = this.#failures.take(this.#nowMs());
    if (more === null) return;
    const { message: cause, stack } = error instanceof Error ? error : new Error(String(error));
    this.#log.error("the metrics could not be told", { cause, ...more }, stack);
  }
}

class MetricsConnection implements ConnectionHandler {
  readonly #metrics: MetricsHandler;
  readonly #next: ConnectionHandler | null;

  constructor(metrics: MetricsHandler, next: ConnectionHandler | null) {
    this.#metrics = metrics;
    this.#next = next;
  }

  get othersWait(): boolean {
    return this.#next?.othersWait ?? false;
  }

  get retryAfterSeconds(): number {
    return this.#next?.retryAfterSeconds ?? 1;
  }

  handle(request: HandledRequest, sink: AnswerSink): PendingAnswer | null {
    const answer = this.#metrics.answer(request, sink);
    if (answer !== null) return answer;
    return this.#next === null ? this.#metrics.missing(sink) : this.#next.handle(request, sink);
  }
}

/** An answer that is whole once its text is there, which is in a later turn. */
class MetricsAnswer implements PendingAnswer {
  readonly workerShare = null;
  readonly isHealthAnswer = true;
  /** null once it is given, or nobody waits for it. */
  #sink: AnswerSink | null;

  constructor(sink: AnswerSink, status: number, fields: string, text: Promise<string>) {
    this.#sink = sink;
    text.then(
      (content) => this.#give(status, fields, content),
      () => this.#take()?.onAnswerFailure("application-error"),
    );
  }

  cancel(): void {
    this.#sink = null;
  }

  pause(): void {}

  resume(): void {}

  #give(status: number, fields: string, text: string): void {
    const content = Buffer.from(text, "utf8");
    const statusLine = `${status} ${REASON_PHRASES[status] ?? ""}\r\n`;
    const head = `${statusLine}${fields}Content-Length: ${content.length}\r\n`;
    const bytes = Buffer.concat([Buffer.from(head, "latin1"), content]);
    const { length } = content;
    this.#take()?.onAnswerHead(status, length, bytes, 0, head.length, bytes.length, true);
  }

  #take(): AnswerSink | null {
    const sink = this.#sink;
    this.#sink = null;
    return sink;
  }
}
