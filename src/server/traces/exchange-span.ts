/**
 * A finished exchange as a span of OpenTelemetry: a server span of the semantic conventions for
 * HTTP, with what Portico knows beyond them under names that begin with `portico.`.
 *
 * Owns what a span says, and what it leaves out: queries, credentials and any other field may hold
 * secrets. docs/observe.md describes each name. Knows nothing of how spans travel.
 *
 * Many spans wait at a time. So a span keeps what it was made of, and puts together what the
 * exporter reads when that reads it: then it is garbage at once.
 */
import type { Attributes, HrTime, Link, SpanContext } from "@opentelemetry/api";
import type { ReadableSpan, TimedEvent } from "@opentelemetry/sdk-trace";
import { parseAuthority } from "../../http/authority.ts";
import type { TraceParent } from "../../http/trace-context.ts";
import type { AccessRecord } from "../access-log/access-record.ts";
import type { ExchangeTrace } from "./exchange-trace.ts";

/** What all spans have in common. */
export interface SpanOrigin {
  readonly resource: ReadableSpan["resource"];
  readonly instrumentationScope: ReadableSpan["instrumentationScope"];
  /** The library's words for a server span, for one that went well, and for one that did not. */
  readonly kind: ReadableSpan["kind"];
  readonly wentWell: ReadableSpan["status"];
  readonly failed: ReadableSpan["status"];
  /** Makes the library's object of a `tracestate`. */
  readonly traceState: (text: string) => NonNullable<SpanContext["traceState"]>;
  /** The name of the route that a path belongs to; null where it has none. */
  readonly routeOf: (path: string | null) => string | null;
}

const SAMPLED = 1;
const NOT_SAMPLED = 0;
const SERVER_ERROR_MIN = 500;
/** Characters of a text from a client. A collector may take little in one message. */
export const TEXT_LENGTH_MAX = 1_024;
const US_PER_MS = 1_000;
const US_PER_SECOND = 1_000_000;
const NS_PER_US = 1_000;
/** The methods that the conventions know; any other would make a name for each that is invented. */
const METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
  "QUERY",
]);
const NO_LINKS: Link[] = [];

export class ExchangeSpan implements ReadableSpan {
  readonly parentSpanContext?: SpanContext;
  readonly ended = true;
  readonly droppedAttributesCount = 0;
  readonly droppedEventsCount = 0;
  readonly droppedLinksCount = 0;
  readonly #origin: SpanOrigin;
  readonly #trace: ExchangeTrace;
  readonly #context: SpanContext;
  readonly #startUs: number;
  readonly #durationUs: number;
  readonly #receivedUs: number | null;
  readonly #answeredUs: number | null;
  readonly #queueUs: number | null;
  readonly #applicationUs: number | null;
  readonly #method: string | null;
  readonly #path: string | null;
  readonly #scheme: string | null;
  readonly #host: string | null;
  readonly #protocol: string | null;
  readonly #userAgent: string | null;
  readonly #remoteHost: string;
  readonly #peerHost: string;
  readonly #status: number;
  readonly #isAborted: boolean;
  readonly #failure: string | null;
  readonly #contentBytes: number;
  readonly #workerPid: number | null;
  readonly #generation: number | null;
  readonly #retries: number;
  readonly #requestId: string | null;

  /**
   * @param record only read now: it is another exchange's soon
   * @param trace  the record's own, whose span is to be recorded
   */
  constructor(record: AccessRecord, trace: ExchangeTrace, origin: SpanOrigin) {
    this.#origin = origin;
    this.#trace = trace;
    this.#context = spanContext(trace, false);
    if (trace.tracestate !== null) this.#context.traceState = origin.traceState(trace.tracestate);
    if (trace.parent !== null) this.parentSpanContext = spanContext(trace.parent, true);
    this.#startUs = record.startedAtEpochMs * US_PER_MS;
    this.#durationUs = record.durationUs;
    this.#receivedUs = record.receivedUs;
    this.#answeredUs = record.answeredUs;
    this.#queueUs = record.queueUs;
    this.#applicationUs = record.applicationUs;
    this.#method = record.method;
    this.#path = record.path;
    this.#scheme = record.scheme;
    this.#host = record.host;
    this.#protocol = record.protocol;
    this.#userAgent = record.requestField("user-agent");
    this.#remoteHost = record.remoteHost;
    this.#peerHost = record.peerHost;
    this.#status = record.status;
    this.#isAborted = record.isAborted;
    this.#failure = record.failure;
    this.#contentBytes = record.contentBytes;
    this.#workerPid = record.workerPid;
    this.#generation = record.generation;
    this.#retries = record.retries;
    this.#requestId = record.requestId;
  }

  get resource(): ReadableSpan["resource"] {
    return this.#origin.resource;
  }

  get instrumentationScope(): ReadableSpan["instrumentationScope"] {
    return this.#origin.instrumentationScope;
  }

  get kind(): ReadableSpan["kind"] {
    return this.#origin.kind;
  }

  get name(): string {
    const method = isKnown(this.#method) ? this.#method : "HTTP";
    const route = this.#origin.routeOf(this.#path);
    return route === null ? method : `${method} ${route}`;
  }

  get startTime(): HrTime {
    return time(this.#startUs);
  }

  get endTime(): HrTime {
    return time(this.#startUs + this.#durationUs);
  }

  get duration(): HrTime {
    return time(this.#durationUs);
  }

  get status(): ReadableSpan["status"] {
    return this.#errorType === null ? this.#origin.wentWell : this.#origin.failed;
  }

  get links(): Link[] {
    const { linked } = this.#trace;
    return linked === null ? NO_LINKS : [{ context: spanContext(linked, true) }];
  }

  get attributes(): Attributes {
    const method = this.#method;
    const route = this.#origin.routeOf(this.#path);
    const attributes: Attributes = {
      "http.request.method": isKnown(method) ? method : "_OTHER",
      "http.response.body.size": this.#contentBytes,
    };
    const add = (name: string, value: string | number): void => {
      attributes[name] = value;
    };
    if (this.#protocol !== null) {
      add("network.protocol.version", this.#protocol.slice("HTTP/".length));
    }
    if (method !== null && !isKnown(method)) add("http.request.method_original", cut(method));
    if (this.#path !== null) add("url.path", cut(this.#path));
    if (this.#scheme !== null) add("url.scheme", this.#scheme);
    if (!this.#isAborted) add("http.response.status_code", this.#status);
    if (this.#errorType !== null) add("error.type", this.#errorType);
    const authority = this.#host === null ? null : parseAuthority(this.#host);
    if (authority !== null) add("server.address", cut(authority.host));
    if (authority?.port) add("server.port", Number(authority.port));
    if (this.#remoteHost !== "") add("client.address", this.#remoteHost);
    if (this.#peerHost !== this.#remoteHost) add("network.peer.address", this.#peerHost);
    if (this.#userAgent !== null) add("user_agent.original", cut(this.#userAgent));
    if (route !== null) add("portico.route", route);
    if (this.#queueUs !== null) add("portico.queue_us", this.#queueUs);
    if (this.#applicationUs !== null) add("portico.application_us", this.#applicationUs);
    if (this.#workerPid !== null) add("portico.worker", this.#workerPid);
    if (this.#generation !== null) add("portico.generation", this.#generation);
    if (this.#retries > 0) add("portico.retries", this.#retries);
    if (this.#requestId !== null) add("portico.request_id", this.#requestId);
    return attributes;
  }

  /**
   * When the phases of the exchange began, as far as that is known. Where a worker died, its time
   * is part of no phase, so that nothing can be told of when the next one began.
   */
  get events(): TimedEvent[] {
    const [received, queueUs] = [this.#receivedUs, this.#queueUs];
    const events: TimedEvent[] = [];
    if (received !== null) events.push(this.#event("received", received));
    if (received !== null && queueUs !== null && this.#retries === 0) {
      const atWorker = received + queueUs;
      events.push(this.#event("at-worker", atWorker));
      if (this.#applicationUs !== null) {
        events.push(this.#event("application-done", atWorker + this.#applicationUs));
      }
    }
    if (this.#answeredUs !== null) events.push(this.#event("answering", this.#answeredUs));
    return events;
  }

  spanContext(): SpanContext {
    return this.#context;
  }

  /** What is put together of two clocks must not leave the span. */
  #event(name: string, sinceStartUs: number): TimedEvent {
    return { name, time: time(this.#startUs + Math.min(sinceStartUs, this.#durationUs)) };
  }

  /** null where the exchange went well, also where the client was told that it did not. */
  get #errorType(): string | null {
    if (this.#isAborted) return "client-closed-request";
    return this.#status < SERVER_ERROR_MIN ? null : (this.#failure ?? String(this.#status));
  }
}

function isKnown(method: string | null): method is string {
  return method !== null && METHODS.has(method);
}

function spanContext({ traceId, spanId, isSampled }: TraceParent, isRemote: boolean): SpanContext {
  return { traceId, spanId, traceFlags: isSampled ? SAMPLED : NOT_SAMPLED, isRemote };
}

/** @param us microseconds, of a time of day since 1970-01-01T00:00:00Z */
function time(us: number): HrTime {
  const seconds = Math.floor(us / US_PER_SECOND);
  return [seconds, Math.round(us - seconds * US_PER_SECOND) * NS_PER_US];
}

function cut(text: string): string {
  return text.length > TEXT_LENGTH_MAX ? text.slice(0, TEXT_LENGTH_MAX) : text;
}
