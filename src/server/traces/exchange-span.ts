/**
 * A finished exchange as a span of OpenTelemetry: a server span of the semantic conventions for
 * HTTP, with what Portico knows beyond them under names that begin with `portico.`.
 *
 * Owns what a span says, and what it leaves out: queries, credentials and any other field may hold
 * secrets. docs/observe.md describes each name. Knows nothing of how spans travel.
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
/** The access log's status of an exchange whose client went away, which no client ever sees. */
const CLIENT_CLOSED_REQUEST = 499;
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

/** @param trace the record's own; its span is to be recorded */
export function exchangeSpan(
  record: AccessRecord,
  trace: ExchangeTrace,
  origin: SpanOrigin,
): ReadableSpan {
  const { parent, linked } = trace;
  const startUs = record.startedAtEpochMs * US_PER_MS;
  const context = spanContext(trace, false);
  if (trace.tracestate !== null) context.traceState = origin.traceState(trace.tracestate);
  const route = origin.routeOf(record.path);
  const error = errorType(record);
  return {
    name: spanName(record.method, route),
    kind: origin.kind,
    spanContext: () => context,
    ...(parent === null ? {} : { parentSpanContext: spanContext(parent, true) }),
    startTime: time(startUs),
    endTime: time(startUs + record.durationUs),
    duration: time(record.durationUs),
    ended: true,
    status: error === null ? origin.wentWell : origin.failed,
    attributes: attributesOf(record, route, error),
    events: eventsOf(record, startUs),
    links: linked === null ? NO_LINKS : [{ context: spanContext(linked, true) }],
    resource: origin.resource,
    instrumentationScope: origin.instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function spanName(method: string | null, route: string | null): string {
  const known = method !== null && METHODS.has(method) ? method : "HTTP";
  return route === null ? known : `${known} ${route}`;
}

function spanContext({ traceId, spanId, isSampled }: TraceParent, isRemote: boolean): SpanContext {
  return { traceId, spanId, traceFlags: isSampled ? SAMPLED : NOT_SAMPLED, isRemote };
}

/** @returns null where the exchange went well, also where the client was told that it did not */
function errorType({ status, failure }: AccessRecord): string | null {
  if (status === CLIENT_CLOSED_REQUEST) return "client-closed-request";
  return status < SERVER_ERROR_MIN ? null : (failure ?? String(status));
}

function attributesOf(
  record: AccessRecord,
  route: string | null,
  error: string | null,
): Attributes {
  const { method, path, scheme, status, remoteHost, peerHost } = record;
  const isKnown = method !== null && METHODS.has(method);
  const attributes: Attributes = {
    "http.request.method": isKnown ? method : "_OTHER",
    "network.protocol.version": record.protocol.slice("HTTP/".length),
    "http.response.body.size": record.contentBytes,
    "portico.retries": record.retries,
  };
  if (method !== null && !isKnown) attributes["http.request.method_original"] = cut(method);
  if (path !== null) attributes["url.path"] = cut(path);
  if (scheme !== null) attributes["url.scheme"] = scheme;
  if (route !== null) attributes["portico.route"] = route;
  if (status !== CLIENT_CLOSED_REQUEST) attributes["http.response.status_code"] = status;
  if (error !== null) attributes["error.type"] = error;
  if (remoteHost !== "") attributes["client.address"] = remoteHost;
  if (peerHost !== "") attributes["network.peer.address"] = peerHost;
  addServer(attributes, record.host);
  const userAgent = record.requestField("user-agent");
  if (userAgent !== null) attributes["user_agent.original"] = cut(userAgent);
  addWorker(attributes, record);
  return attributes;
}

/** @param host as the client asked for it, with a port or without */
function addServer(attributes: Attributes, host: string | null): void {
  const authority = host === null ? null : parseAuthority(host);
  if (authority === null) return;
  attributes["server.address"] = cut(authority.host);
  if (authority.port) attributes["server.port"] = Number(authority.port);
}

function addWorker(attributes: Attributes, record: AccessRecord): void {
  const { queueUs, applicationUs, workerPid, generation, requestId } = record;
  if (queueUs !== null) attributes["portico.queue_us"] = queueUs;
  if (applicationUs !== null) attributes["portico.application_us"] = applicationUs;
  if (workerPid !== null) attributes["portico.worker"] = workerPid;
  if (generation !== null) attributes["portico.generation"] = generation;
  if (requestId !== null) attributes["portico.request_id"] = requestId;
}

/**
 * When the phases of the exchange began, as far as that is known. Where a worker died, its time is
 * part of no phase, so that nothing can be told of when the next one began.
 */
function eventsOf(record: AccessRecord, startUs: number): TimedEvent[] {
  const { receivedUs, answeredUs, queueUs, applicationUs, durationUs } = record;
  const events: TimedEvent[] = [];
  const add = (name: string, sinceStartUs: number): void => {
    // What is put together of two clocks must not leave the span.
    events.push({ name, time: time(startUs + Math.min(sinceStartUs, durationUs)) });
  };
  if (receivedUs !== null) add("received", receivedUs);
  if (receivedUs !== null && queueUs !== null && record.retries === 0) {
    add("at-worker", receivedUs + queueUs);
    if (applicationUs !== null) add("application-done", receivedUs + queueUs + applicationUs);
  }
  if (answeredUs !== null) add("answering", answeredUs);
  return events;
}

/** @param us microseconds, of a time of day since 1970-01-01T00:00:00Z */
function time(us: number): HrTime {
  const seconds = Math.floor(us / US_PER_SECOND);
  return [seconds, Math.round(us - seconds * US_PER_SECOND) * NS_PER_US];
}

function cut(text: string): string {
  return text.length > TEXT_LENGTH_MAX ? text.slice(0, TEXT_LENGTH_MAX) : text;
}
