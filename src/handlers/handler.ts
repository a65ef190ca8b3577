/**
 * What can answer a request. A handler sees a complete, well-formed request and answers into a
 * sink; it knows neither the socket nor the version of HTTP that the request came by.
 */
import type { OutgoingTrace } from "../http/trace-context.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { TrailerField } from "../http1/trailer-section.ts";
import type { SocketAddress } from "../os/socket-address.ts";
import type { AnswerSink, RequestBody, WorkerShare } from "../workers/application-request.ts";
import type { Provenance } from "./provenance.ts";

/** The two ends of the connection that a request came by. */
export interface Endpoints {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  readonly scheme: "http" | "https";
  /**
   * Whether the remote end is a proxy of ours, and so is believed about its clients. Not said where
   * its address decides: a PROXY header's is its sender's word, and is looked at more closely.
   */
  readonly remoteIsProxy?: boolean;
}

export interface HandledRequest {
  /** What the request is called where it is spoken of; made at the first use. */
  readonly id: string;
  readonly head: RequestHead;
  readonly provenance: Provenance;
  /**
   * The content, whole unless it is lent. Valid until the answer is complete or has failed.
   */
  readonly content: RequestBody;
  /**
   * The content's length where the head does not declare it, because it came chunked; else null.
   */
  readonly contentLength: number | null;
  /**
   * What the application is told of the request's trace, in place of what its client says; null
   * where requests are not traced.
   */
  readonly trace: OutgoingTrace | null;
  /** Fields that came behind a chunked content (RFC 9110 section 6.5); mostly none. */
  readonly trailers: readonly TrailerField[];
}

/** An answer that is being made. */
export interface PendingAnswer {
  /** Kept up to date, also beyond the answer's end; null where no worker is asked. */
  readonly workerShare: WorkerShare | null;
  /** As of a health answer (`admission.ts`): it says how the gateway is. */
  readonly isHealthAnswer?: true;
  /** Nobody waits for it any more: the sink is not called again. */
  cancel(): void;
  /** The sink is full: nothing more until `resume`, as far as that can be stopped. */
  pause(): void;
  resume(): void;
}

export interface RequestHandler {
  /** Called once for each connection, before its first request. */
  openConnection(endpoints: Endpoints): ConnectionHandler;
}

export interface ConnectionHandler {
  /** Whether requests, of any connection, wait because everybody who could answer is busy. */
  readonly othersWait: boolean;
  /** When a request that is not taken now should come again; at least 1. */
  readonly retryAfterSeconds: number;
  /**
   * Begins to answer. The sink is called in later turns only.
   *
   * @returns null when too much is under way already: the caller answers 503
   */
  handle(request: HandledRequest, sink: AnswerSink): PendingAnswer | null;
}
