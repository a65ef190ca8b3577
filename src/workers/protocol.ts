/**
 * The worker protocol of docs/worker-protocol.md, as constants and pure functions. Knows no socket.
 */
import type { EnvironEntry } from "./application-request.ts";
import { encodeInternedString, MarshalWriter } from "./marshal-writer.ts";

/** Kinds of the frames that a worker sends. */
export const FRAME_KIND = {
  response: 1,
  head: 2,
  chunk: 3,
  end: 4,
  abort: 5,
  error: 6,
  ready: 7,
  interim: 8,
  report: 9,
  borrow: 10,
  sent: 11,
  taken: 12,
  returned: 13,
} as const;

export const FRAME_HEADER_BYTES = 32;
export const FRAME_HEAD_MAX_BYTES = 262_144;
/** Offsets of a frame header's fields. */
export const FRAME_OFFSET = {
  slot: 0,
  generation: 4,
  elapsedUs: 8,
  bodyLength: 12,
  kind: 16,
  flags: 17,
  status: 18,
  headLength: 20,
  contentLengthLow: 24,
  contentLengthHigh: 28,
} as const;
export const FLAG_CONTENT_LENGTH = 1;
export const FLAG_RETURNED = 2;

/** The `contentLength` of the frame that begins at `from`; above 2^53 - 1 not exact. */
export function frameContentLength(bytes: Buffer, from: number): number {
  const low = bytes.readUInt32LE(from + FRAME_OFFSET.contentLengthLow);
  return low + bytes.readUInt32LE(from + FRAME_OFFSET.contentLengthHigh) * 2 ** 32;
}

/** Whether the frame that begins at `from` is of no request, and has nothing but a head. */
export function isHeadAlone(bytes: Buffer, from: number): boolean {
  return (
    bytes.readUInt32LE(from + FRAME_OFFSET.slot) === 0 &&
    bytes.readUInt32LE(from + FRAME_OFFSET.generation) === 0 &&
    bytes.readUInt16LE(from + FRAME_OFFSET.status) === 0 &&
    bytes.readUInt32LE(from + FRAME_OFFSET.bodyLength) === 0
  );
}

/** Interim answers of one request, and the bytes of their heads, at most. */
export const INTERIM_ANSWERS_MAX = 16;
export const INTERIM_HEADS_MAX_BYTES = 16_384;

/** Environ templates that one worker keeps at most; the protocol's own bound is 4096. */
export const TEMPLATES_MAX = 1024;
export const NO_TEMPLATE = -1;

/**
 * The methods that may be run again when nobody can tell whether they were (RFC 9110 section
 * 9.2.2). The worker knows the same list: before any other method its answers have left, or are
 * kept.
 */
const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT_METHODS.has(method);
}

/** The methods that change nothing (RFC 9110 section 9.2.1). */
export function isSafe(method: string): boolean {
  return method !== "PUT" && method !== "DELETE" && IDEMPOTENT_METHODS.has(method);
}

/**
 * Environ names that CPython may keep for ever. Any other name comes from a client and is sent as a
 * plain string. The field names are those that browsers, proxies and API clients send.
 */
const INTERNED_NAMES: ReadonlyMap<string, Buffer> = new Map(
  [
    "REQUEST_METHOD",
    "SERVER_PROTOCOL",
    "SERVER_NAME",
    "SERVER_PORT",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "wsgi.url_scheme",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_AUTHORIZATION",
    "HTTP_CACHE_CONTROL",
    "HTTP_CONNECTION",
    "HTTP_COOKIE",
    "HTTP_DNT",
    "HTTP_EXPECT",
    "HTTP_FORWARDED",
    "HTTP_HOST",
    "HTTP_IF_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_ORIGIN",
    "HTTP_PRAGMA",
    "HTTP_PRIORITY",
    "HTTP_RANGE",
    "HTTP_REFERER",
    "HTTP_SEC_CH_UA",
    "HTTP_SEC_CH_UA_MOBILE",
    "HTTP_SEC_CH_UA_PLATFORM",
    "HTTP_SEC_FETCH_DEST",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_SITE",
    "HTTP_SEC_FETCH_USER",
    "HTTP_TE",
    "HTTP_TRACEPARENT",
    "HTTP_TRACESTATE",
    "HTTP_UPGRADE_INSECURE_REQUESTS",
    "HTTP_USER_AGENT",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_X_REQUEST_ID",
    "HTTP_X_REQUESTED_WITH",
  ].map((name) => [name, encodeInternedString(name)]),
);

/** Where the application finds the trailer fields of its request; only where there are any. */
const TRAILERS_NAME = /* @__PURE__ */ encodeInternedString("portico.trailers");

/**
 * Encodes environ entries as the marshal dict that a request's template holds.
 *
 * @param trailers fields of this request alone: such a template must not be used again
 */
export function encodeEnviron(
  entries: Iterable<EnvironEntry>,
  trailers: readonly { readonly name: string; readonly value: string }[] = [],
): Buffer {
  const writer = new MarshalWriter(1024);
  writer.dict();
  writeEntries(writer, entries);
  if (trailers.length > 0) {
    writer.encoded(TRAILERS_NAME);
    writer.list(trailers.length);
    for (const { name, value } of trailers) {
      writer.tuple(2);
      writer.string(name);
      writer.string(value);
    }
  }
  writer.endDict();
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

/** Writes entries as a marshal dict. */
export function writeEnviron(writer: MarshalWriter, entries: Iterable<EnvironEntry>): void {
  writer.dict();
  writeEntries(writer, entries);
  writer.endDict();
}

function writeEntries(writer: MarshalWriter, entries: Iterable<EnvironEntry>): void {
  for (const [name, value] of entries) {
    const interned = INTERNED_NAMES.get(name);
    if (interned === undefined) writer.string(name);
    else writer.encoded(interned);
    writer.string(value);
  }
}

/** The frame `("cancel", slot, generation)`. */
export function encodeCancel(slot: number, generation: number): Buffer {
  return encodeMessage("cancel", [slot, generation]);
}

/** The frame `("reopen",)`. */
export function encodeReopen(): Buffer {
  return encodeMessage("reopen", []);
}

function encodeMessage(name: string, numbers: readonly number[]): Buffer {
  const writer = new MarshalWriter(64);
  const lengthAt = writer.skip(4);
  writer.tuple(1 + numbers.length);
  writer.string(name);
  for (const number of numbers) writer.int(number);
  writer.bytes.writeUInt32LE(writer.length - 4, lengthAt);
  return writer.bytes.subarray(0, writer.length);
}
