/**
 * Options: how large anything may be.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";
import { GIB, KIB, MIB } from "./units.ts";

export const SIZE_OPTIONS = {
  requestLineLimitBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--limit-request-line",
    fallback: 8190,
    min: 64,
    max: MIB,
    summary: "longest request line; then 414",
    help:
      "Bounds how long a target an application's URL patterns can be made to work on (ReDoS), " +
      "and what it fills logs with. Method, target and version; within --limit-request-head. " +
      "RFC 9112 section 3 recommends that at least 8000 octets are taken. Too low breaks long " +
      "query strings. gunicorn 4094, Apache 8190, nginx 8k.",
    since: "0.1.0",
  },
  headLimitBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--limit-request-head",
    fallback: 64 * KIB,
    min: 256,
    max: 16 * MIB,
    alsoCalled: ["--h11-max-incomplete-event-size"],
    summary: "largest request line and header section together; then 431",
    help:
      "Bounds the memory that a client can fill before anything is known about it (memory " +
      "exhaustion, by many connections at once). Too low breaks large cookies and single " +
      "sign-on tokens. nginx 32k, Node.js 16k, uvicorn 64k.",
    since: "0.1.0",
  },
  fieldCountMax: {
    kind: "integer",
    group: "Size",
    flag: "--limit-request-fields",
    placeholder: "COUNT",
    fallback: 100,
    min: 1,
    max: 10_000,
    summary: "most fields in a request's head (hash flooding); then 431",
    help:
      "Bounds the work and the objects that one head makes: thousands of tiny fields cost far " +
      "more than their bytes, and can be chosen to collide in a hash table that has no secret " +
      "seed (hash flooding). gunicorn 100, Apache 100.",
    since: "0.1.0",
  },
  fieldLimitBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--limit-request-field-size",
    fallback: 32 * KIB,
    min: 64,
    max: 16 * MIB,
    alsoCalled: ["--limit-request-field_size", "--max-header-size"],
    summary: "largest single field line of a request; then 431",
    help:
      "Bounds what one field can make an application parse: where a parser takes quadratic " +
      "time, a long one is a denial of service (CVE-2024-7592, Python's cookies). Too low " +
      "breaks large cookies and single sign-on tokens (Kerberos tickets reach 16k and more). " +
      "gunicorn and Apache 8190, nginx 8k.",
    since: "0.1.0",
  },
  trailerLimitBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--limit-request-trailers",
    fallback: 8 * KIB,
    min: 2,
    max: 16 * MIB,
    summary: "largest trailer section behind a chunked body; then 431",
    help:
      "Bounds the fields that a client may send behind a chunked body, where no limit on the " +
      "head sees them (memory exhaustion by another way). Hardly any client sends one.",
    since: "0.1.0",
  },
  chunkExtensionLimitBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--limit-chunk-extensions",
    fallback: 4 * KIB,
    min: 1,
    max: MIB,
    summary: "chunk extensions in one request, all together; then 400",
    help:
      "Bounds a body that is nearly all chunk extensions, which cost time and bring nothing (RFC " +
      "9112 section 7.1.1; CVE-2023-39326 in Go, CVE-2024-22019 in Node.js). They are checked " +
      "and dropped.",
    since: "0.1.0",
  },
  pipelinedLimitBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--limit-pipelined",
    fallback: 64 * KIB,
    min: KIB,
    max: 16 * MIB,
    summary: "bytes of further requests taken while one is being answered",
    help:
      "Bounds what a client that pipelines (RFC 9112 section 9.3.2) can make the server keep " +
      "(a request flood on one connection): beyond it the connection is not read until the " +
      "answer has left. Nothing is lost or refused.",
    since: "0.1.0",
  },
  bodyLimitBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--limit-request-body",
    fallback: GIB,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    offAllowed: true,
    alsoCalled: ["--max-request-body-size", "--client-max-body-size"],
    summary: "largest request content; then 413",
    help:
      "Bounds the disk that one upload can fill (disk exhaustion); a declared length beyond it " +
      "is refused before the content comes. There is no 0 for unlimited, since it reads as " +
      "nothing: say off. nginx 1m, waitress and Apache 1 GiB, gunicorn none.",
    since: "0.1.0",
  },
  bodyInlineBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--body-inline",
    fallback: 64 * KIB,
    min: 0,
    max: 16 * MIB,
    summary: "request content kept in memory; more goes to a file",
    help:
      "Content up to this size travels to the worker with the request. Larger content is spooled " +
      "to a temporary file without a name, and the worker reads that; but for a POST of up to " +
      "16 MiB that comes as fast as it can be read, which a worker takes by itself. Bounds " +
      "memory while many clients upload at once (memory exhaustion). nginx 16k.",
    since: "0.1.0",
  },
  responseBufferBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--response-buffer",
    fallback: MIB,
    min: 4 * KIB,
    max: GIB,
    summary: "response content kept in memory for a slow client",
    help:
      "A response that fits frees its worker at once, however slowly the client reads. A " +
      "larger one makes the worker wait (backpressure); see --response-spool. Times the " +
      "connections it bounds the memory that slow readers hold (the Slow Read attack). " +
      "waitress 18 MiB, nginx 8 x 4k and then a file.",
    since: "0.1.0",
  },
  responseBufferTotalBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--response-buffer-total",
    fallback: 256 * MIB,
    min: MIB,
    max: Number.MAX_SAFE_INTEGER,
    summary: "response content kept in memory for all slow clients together",
    help:
      "Bounds memory where very many clients read slowly, each just within --response-buffer " +
      "(a Slow Read attack from many machines): beyond it what a client does not take at once " +
      "goes to its file, see --response-spool. Looked at four times a second. nginx bounds it " +
      "by the number of its connections only.",
    since: "0.1.0",
  },
  responseSpoolBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--response-spool",
    fallback: GIB,
    min: MIB,
    max: Number.MAX_SAFE_INTEGER,
    offAllowed: true,
    summary: "response content kept in a file for a slow client",
    help:
      "A worker waits half a second for a client that has fallen behind by more than the buffer, " +
      "or 4 ms where requests wait for a worker; then what it makes goes to a temporary file " +
      "without a name, and the worker is free. So a few clients that read slowly cannot hold all " +
      "workers (the Slow Read attack). Bounds that file for one response; beyond it the worker " +
      "waits. Off: it always waits. nginx `proxy_max_temp_file_size` 1024m.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
