/**
 * The handler for a Python application: turns requests into jobs for the workers.
 */
import { percentDecode } from "../http/target.ts";
import type { HeaderSection } from "../http1/request-head.ts";
import {
  type AnswerSink,
  type ApplicationRequest,
  type EnvironEntry,
  EnvironTemplate,
  type RequestBody,
} from "../workers/application-request.ts";
import type { Dispatcher } from "../workers/dispatcher.ts";
import { encodeEnviron, isIdempotent, isSafe } from "../workers/protocol.ts";
import { environEntries, pathInfo, traceEntries, withoutTrace } from "./environ.ts";
import type { HeaderMap } from "./header-map.ts";
import type {
  ConnectionHandler,
  Endpoints,
  HandledRequest,
  PendingAnswer,
  RequestHandler,
} from "./handler.ts";

export class PythonApplication implements RequestHandler {
  readonly dispatcher: Dispatcher;
  /** SCRIPT_NAME: "" or a path that begins with "/" and does not end with it. */
  readonly rootPath: string;
  readonly headerMap: HeaderMap;
  /** Whether the application is told of each request what it is called (X-Request-ID). */
  readonly namesRequests: boolean;

  constructor(
    dispatcher: Dispatcher,
    rootPath: string,
    headerMap: HeaderMap,
    namesRequests = false,
  ) {
    this.dispatcher = dispatcher;
    this.rootPath = rootPath;
    this.headerMap = headerMap;
    this.namesRequests = namesRequests;
  }

  openConnection(endpoints: Endpoints): ConnectionHandler {
    return new PythonConnection(this, endpoints);
  }
}

/** Remembers the last environ template of a connection: clients repeat their header section. */
class PythonConnection implements ConnectionHandler {
  readonly #application: PythonApplication;
  readonly #endpoints: Endpoints;
  #section: HeaderSection | null = null;
  #template: EnvironTemplate | null = null;

  constructor(application: PythonApplication, endpoints: Endpoints) {
    this.#application = application;
    this.#endpoints = endpoints;
  }

  get othersWait(): boolean {
    return this.#application.dispatcher.queueLength > 0;
  }

  get retryAfterSeconds(): number {
    return this.#application.dispatcher.retryAfterSeconds;
  }

  handle(request: HandledRequest, sink: AnswerSink): PendingAnswer | null {
    const { head } = request;
    const { dispatcher, rootPath, namesRequests } = this.#application;
    const path = pathInfo(percentDecode(head.path), rootPath);
    return dispatcher.submit(
      new PythonRequest(
        this.#templateFor(request),
        path,
        head.query,
        head.rawTarget === path ? null : head.rawTarget,
        request,
        namesRequests,
      ),
      sink,
    );
  }

  #templateFor(request: HandledRequest): EnvironTemplate {
    const { section, authority } = request.head;
    if (authority !== null || request.trailers.length > 0) return this.#makeTemplate(request);
    // The endpoints stay the same, so that the provenance does too where the section does.
    if (this.#template === null || this.#section !== section) {
      this.#section = section;
      this.#template = this.#makeTemplate(request);
    }
    return this.#template;
  }

  #makeTemplate({ head, provenance, trailers, trace }: HandledRequest): EnvironTemplate {
    const { headerMap } = this.#application;
    const entries = environEntries(head.section, provenance, this.#endpoints.local, headerMap);
    const repeated = trace === null ? entries : withoutTrace(entries);
    return new EnvironTemplate(encodeEnviron(repeated, trailers));
  }
}

/**
 * What of a request's environ holds for no other, however alike their header sections.
 *
 * @param namesRequest whether what it is called is among it
 */
function ownEntriesOf(
  request: HandledRequest,
  namesRequest: boolean,
): readonly EnvironEntry[] | null {
  const { contentLength, trace } = request;
  if (contentLength === null && trace === null && !namesRequest) return null;
  const entries = trace === null ? [] : traceEntries(trace);
  if (namesRequest) entries.push(["HTTP_X_REQUEST_ID", request.id]);
  if (contentLength !== null) entries.push(["CONTENT_LENGTH", String(contentLength)]);
  return entries;
}

class PythonRequest implements ApplicationRequest {
  readonly template: EnvironTemplate;
  readonly path: string;
  readonly query: string;
  readonly rawUri: string | null;
  readonly content: RequestBody;
  readonly ownEntries: readonly EnvironEntry[] | null;
  readonly #request: HandledRequest;

  constructor(
    template: EnvironTemplate,
    path: string,
    query: string,
    rawUri: string | null,
    request: HandledRequest,
    namesRequest: boolean,
  ) {
    this.template = template;
    this.path = path;
    this.query = query;
    this.rawUri = rawUri;
    this.content = request.content;
    this.ownEntries = ownEntriesOf(request, namesRequest);
    this.#request = request;
  }

  get idempotent(): boolean {
    return isIdempotent(this.#request.head.method);
  }

  get safe(): boolean {
    return isSafe(this.#request.head.method);
  }

  get id(): string {
    return this.#request.id;
  }

  describe(): string {
    const { method, rawTarget } = this.#request.head;
    return `${method} ${rawTarget}`;
  }
}
