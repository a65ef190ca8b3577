/**
 * Stands in front of the application in development. While the newest code is being loaded,
 * requests wait for it, so that nobody is answered by code that has been changed already; while it
 * does not load, every request gets a page with the traceback.
 *
 * Pages learn that they are out of date by asking `/.portico/reload?since=STATE`, which is answered
 * when there is another state. Knows neither files nor processes: who reloads says what came of it.
 */
import { REASON_PHRASES } from "../../http/status.ts";
import type { ErrorFormat } from "../../http/error-page.ts";
import type { AnswerSink } from "../../workers/application-request.ts";
import type {
  ConnectionHandler,
  Endpoints,
  HandledRequest,
  PendingAnswer,
  RequestHandler,
} from "../handler.ts";
import { type BrokenCode, brokenPage } from "./broken-page.ts";
import { HeldRequests } from "./held-requests.ts";

export interface DevelopmentSiteSettings {
  readonly reference: string;
  /** The working folder. */
  readonly folder: string;
  /** SCRIPT_NAME; pages ask below it. */
  readonly rootPath: string;
  readonly errorFormat: ErrorFormat;
  /** So long a request waits for the newest code; then it gets what there is. */
  readonly codeWaitMaxMs: number;
  /** Differs from one run of the program to the next: letters and digits. */
  readonly run: string;
}

export const RELOAD_PATH = "/.portico/reload";

/** So long one waits for another state; then it may ask again. */
const STATE_WAIT_MAX_MS = 10_000;
/** Requests that wait for one of the two. */
const WAITING_MAX = 1_000;

const NO_CONTENT = Buffer.alloc(0);

export class DevelopmentSite implements RequestHandler {
  readonly #application: RequestHandler;
  readonly #settings: DevelopmentSiteSettings;
  readonly #forCode: HeldRequests;
  readonly #forState = new HeldRequests(STATE_WAIT_MAX_MS, WAITING_MAX);
  #broken: BrokenCode | null = null;
  #holding = false;
  #isClosed = false;
  #stateNumber = 0;

  constructor(application: RequestHandler, settings: DevelopmentSiteSettings) {
    this.#application = application;
    this.#settings = settings;
    this.#forCode = new HeldRequests(settings.codeWaitMaxMs, WAITING_MAX);
  }

  openConnection(endpoints: Endpoints): ConnectionHandler {
    return new DevelopmentConnection(this, this.#application.openConnection(endpoints));
  }

  /** There is newer code than what serves: requests wait from now on. */
  hold(): void {
    this.#holding = !this.#isClosed;
  }

  /** What serves is the newest: who has waited gets it. */
  release(): void {
    this.#holding = false;
    this.#forCode.releaseAll();
  }

  showApplication(): void {
    this.#broken = null;
    this.#changeState();
  }

  showBroken(why: string, traceback: string | null): void {
    const { reference, folder } = this.#settings;
    this.#broken = { reference, folder, why, traceback };
    this.#changeState();
  }

  /** Nobody waits from now on, since everything ends. */
  close(): void {
    this.#isClosed = true;
    this.release();
    this.#forState.releaseAll();
  }

  handle(
    request: HandledRequest,
    sink: AnswerSink,
    application: ConnectionHandler,
  ): PendingAnswer | null {
    if (this.#isAboutState(request.head.path)) return this.#tellState(request, sink);
    const held = this.#holding
      ? this.#forCode.hold(() => {
          const pending = this.#serve(request, sink, application);
          if (pending === null) sink.onAnswerFailure("queue-full");
          return pending;
        })
      : null;
    return held ?? this.#serve(request, sink, application);
  }

  #serve(
    request: HandledRequest,
    sink: AnswerSink,
    application: ConnectionHandler,
  ): PendingAnswer | null {
    if (this.#broken === null) return application.handle(request, sink);
    const { method, section } = request.head;
    const page = brokenPage(this.#broken, this.#settings.errorFormat, {
      method,
      accept: section.value("accept"),
      reloadPath: this.#settings.rootPath + RELOAD_PATH,
      since: this.#state,
    });
    return new PreparedAnswer(sink, 500, page.fields, page.content);
  }

  get #state(): string {
    return `${this.#settings.run}-${this.#stateNumber}`;
  }

  #changeState(): void {
    this.#stateNumber++;
    this.#forState.releaseAll();
  }

  /** With and without the path below which a proxy may serve us. */
  #isAboutState(path: string): boolean {
    return path === RELOAD_PATH || path === this.#settings.rootPath + RELOAD_PATH;
  }

  #tellState({ head }: HandledRequest, sink: AnswerSink): PendingAnswer | null {
    if (head.method !== "GET" && head.method !== "HEAD") {
      return new PreparedAnswer(sink, 405, "Allow: GET, HEAD\r\n", NO_CONTENT);
    }
    const since = new URLSearchParams(head.query).get("since");
    if (since !== this.#state) return this.#answerState(sink);
    // Whoever asks while everything ends would hold up the end.
    if (this.#isClosed) return null;
    return this.#forState.hold(() => {
      if (since !== this.#state) return this.#answerState(sink);
      return new PreparedAnswer(sink, 204, "Cache-Control: no-store\r\n", null);
    });
  }

  #answerState(sink: AnswerSink): PendingAnswer {
    const state = { state: this.#state, loads: this.#broken === null };
    const fields = "Content-Type: application/json\r\nCache-Control: no-store\r\n";
    return new PreparedAnswer(sink, 200, fields, Buffer.from(`${JSON.stringify(state)}\n`));
  }
}

class DevelopmentConnection implements ConnectionHandler {
  readonly #site: DevelopmentSite;
  readonly #application: ConnectionHandler;

  constructor(site: DevelopmentSite, application: ConnectionHandler) {
    this.#site = site;
    this.#application = application;
  }

  get othersWait(): boolean {
    return this.#application.othersWait;
  }

  get retryAfterSeconds(): number {
    return this.#application.retryAfterSeconds;
  }

  handle(request: HandledRequest, sink: AnswerSink): PendingAnswer | null {
    return this.#site.handle(request, sink, this.#application);
  }
}

/** An answer that is whole, and is given in the next turn. */
class PreparedAnswer implements PendingAnswer {
  readonly workerShare = null;
  readonly #turn: NodeJS.Immediate;

  /** @param content null where the status lets there be none */
  constructor(sink: AnswerSink, status: number, fields: string, content: Buffer | null) {
    const lengthLine = content === null ? "" : `Content-Length: ${content.length}\r\n`;
    const head = Buffer.from(
      `${status} ${REASON_PHRASES[status] ?? ""}\r\n${fields}${lengthLine}`,
      "latin1",
    );
    const bytes = content === null ? head : Buffer.concat([head, content]);
    this.#turn = setImmediate(() => {
      const length = content?.length ?? null;
      sink.onAnswerHead(status, length, bytes, 0, head.length, bytes.length, true);
    });
  }

  cancel(): void {
    clearImmediate(this.#turn);
  }

  pause(): void {}

  resume(): void {}
}
