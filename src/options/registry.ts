/**
 * The option registry: one record per option, and the only place where its name, unit, default,
 * range and help live.
 *
 * The flag, the environment variable (`--limit-request-line` is `PORTICO_LIMIT_REQUEST_LINE`), the
 * key in the configuration file (`limit-request-line`), the type {@link Options}, `--help` and
 * `docs/options.md` all follow from the record. Must not know how options are given (`resolve.ts`)
 * or what is done with them.
 */

import type { OptionSpec } from "./option-spec.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND = 1000;
const DAY = 86_400 * SECOND;

export const OPTIONS = {
  python: {
    kind: "text",
    group: "Application",
    flag: "--python",
    placeholder: "PROGRAM",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "the path or name of a Python interpreter",
    summary: "Python that runs the application",
    help:
      "Path or name of the interpreter, 3.9 or later. Without it: the active virtual environment " +
      "(VIRTUAL_ENV), else `.venv` in the working folder, else `python3`. Nothing needs to be " +
      "installed in it for Portico.",
    since: "0.1.0",
  },
  chdir: {
    kind: "text",
    group: "Application",
    flag: "--chdir",
    placeholder: "FOLDER",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "a folder",
    alsoCalled: ["--app-dir", "--working-dir", "--working-directory"],
    summary: "working folder of the application; first on sys.path",
    help:
      "The application's processes run in this folder, and it comes first on `sys.path`. Without " +
      "it: the folder in which Portico was started. Relative paths in other options are not " +
      "affected.",
    since: "0.1.0",
  },
  pythonpath: {
    kind: "text",
    group: "Application",
    flag: "--pythonpath",
    placeholder: "FOLDER",
    fallback: [],
    pattern: /^[^\0]+$/,
    expects: "a folder",
    separator: ":",
    summary: "folder to add to sys.path; repeatable",
    help:
      "Added to `sys.path` in the order given, behind the working folder. Parted by `:` in the " +
      "environment.",
    since: "0.1.0",
  },
  env: {
    kind: "assignment",
    group: "Application",
    flag: "--env",
    short: "-e",
    placeholder: "NAME=VALUE",
    fallback: {},
    separator: "\n",
    summary: "environment variable for the application; repeatable",
    help:
      "Set in the application's processes, over what Portico itself was given. One a line in the " +
      "environment variable; an object in the configuration file.",
    since: "0.1.0",
  },
  rootPath: {
    kind: "text",
    group: "Application",
    flag: "--root-path",
    placeholder: "PATH",
    fallback: "",
    pattern: /^(?:\/[^?#\0-\x20\x7f]*[^/?#\0-\x20\x7f])?$/,
    expects: 'a path that begins with "/" and does not end with it, or nothing',
    alsoCalled: ["--url-prefix", "--script-name", "--url-path-prefix"],
    summary: "path that the application is mounted at (SCRIPT_NAME)",
    help:
      "Given to the application as SCRIPT_NAME (PEP 3333), so that the links it makes are right " +
      "behind a proxy that serves it below a path.",
    since: "0.1.0",
  },
  bind: {
    kind: "text",
    group: "Sockets",
    flag: "--bind",
    short: "-b",
    placeholder: "ADDRESS",
    fallback: ["127.0.0.1:8000"],
    pattern: /^[^\0]+$/,
    expects: "HOST:PORT, :PORT, [IPV6]:PORT or unix:PATH",
    separator: ",",
    environmentAliases: [{ name: "PORT", prefix: "0.0.0.0:" }],
    alsoCalled: ["--host", "--port", "--listen", "--http", "--http-socket", "--uds"],
    summary: "HOST:PORT, :PORT, [IPV6]:PORT or unix:PATH; repeatable",
    help:
      "Where to listen. Port 0 lets the kernel choose. The default is reached from this machine " +
      "only, on purpose. Where PORT is set, as hosting platforms do, the default becomes " +
      "`0.0.0.0:$PORT` (gunicorn does the same). Parted by commas in the environment.",
    since: "0.1.0",
  },
  backlog: {
    kind: "integer",
    group: "Sockets",
    flag: "--backlog",
    placeholder: "COUNT",
    fallback: 2048,
    min: 1,
    max: 65_535,
    summary: "connections that may wait in the kernel to be accepted",
    help:
      "Bounds the kernel's accept queue, see listen(2). The kernel cuts it to " +
      "`net.core.somaxconn`, and Portico says so at start. Too low, and clients see timeouts in " +
      "a burst. gunicorn 2048, nginx 511, uvicorn 2048.",
    since: "0.1.0",
  },
  transport: {
    kind: "choice",
    group: "Sockets",
    flag: "--transport",
    fallback: "auto",
    words: ["auto", "epoll", "node"],
    summary: "how sockets are reached",
    help:
      "`epoll`: Portico's own system calls, Linux only, the fastest. `node`: Node's own sockets, " +
      "on any system. `auto`: epoll where it is to be had.",
    since: "0.1.0",
  },
  connectionsMax: {
    kind: "integer",
    group: "Sockets",
    flag: "--connections-max",
    placeholder: "COUNT",
    fallback: null,
    min: 1,
    max: 1_000_000,
    offAllowed: true,
    alsoCalled: ["--limit-concurrency", "--connection-limit", "--worker-connections"],
    summary: "connections open at once; one more is answered 503",
    help:
      "Bounds memory and descriptors while clients open connections and keep them. Off: the " +
      "limit on descriptors (RLIMIT_NOFILE) is the bound. waitress 100, gunicorn 1000 a worker, " +
      "nginx 512 a worker.",
    since: "0.1.0",
  },
  serverField: {
    kind: "text",
    group: "Sockets",
    flag: "--server-header",
    placeholder: "TEXT",
    fallback: "portico",
    offAllowed: true,
    pattern: /^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/,
    expects: "1 to 128 printable ASCII characters",
    alsoCalled: ["--ident", "--no-server-header"],
    summary: "value of the Server field in responses",
    help:
      "RFC 9110 section 10.2.4. It names no version, since that would only help an attacker. An " +
      "application's own Server field is kept. Off: none is added.",
    since: "0.1.0",
  },
  workers: {
    kind: "integer",
    group: "Processes",
    flag: "--workers",
    short: "-w",
    placeholder: "COUNT",
    fallback: "auto",
    min: 1,
    max: 512,
    words: ["auto"],
    environmentAliases: [{ name: "WEB_CONCURRENCY", prefix: "" }],
    alsoCalled: ["--processes", "--worker-processes"],
    summary: "worker processes",
    help:
      "Each answers one request at a time. `auto`: one for each CPU that this process may use, " +
      "by affinity and by cgroup quota, so a container gets what it was given. More help where " +
      "the application waits for a database; each costs memory. WEB_CONCURRENCY is honoured. " +
      "gunicorn and uvicorn 1.",
    since: "0.1.0",
  },
  queueLengthMax: {
    kind: "integer",
    group: "Processes",
    flag: "--queue-max",
    placeholder: "COUNT",
    fallback: 2048,
    min: 1,
    max: 100_000,
    summary: "requests that may wait for a worker; then 503",
    help:
      "Bounds the wait and the memory under overload: beyond it requests are answered 503 with " +
      "Retry-After at once, instead of all becoming slow. Too low turns short bursts into " +
      "errors.",
    since: "0.1.0",
  },
  gracefulTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--graceful-timeout",
    fallback: 30 * SECOND,
    min: 100,
    max: DAY,
    alsoCalled: ["--timeout-graceful-shutdown", "--shutdown-timeout"],
    summary: "time to finish accepted requests after SIGTERM",
    help:
      "Bounds a stop: everything accepted is answered within it, then what is left is ended. " +
      "Keep it below the time after which the service manager kills (Kubernetes 30 s, Docker 10 " +
      "s, systemd 90 s). gunicorn 30 s.",
    since: "0.1.0",
  },
  startTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--start-timeout",
    fallback: 60 * SECOND,
    min: 100,
    max: DAY,
    summary: "time for the application to be imported",
    help:
      "Bounds an import that hangs, for instance on a database that does not answer: then the " +
      "start fails.",
    since: "0.1.0",
  },
  timeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--timeout",
    fallback: 30 * SECOND,
    min: 10,
    max: DAY,
    offAllowed: true,
    summary: "time for the application to answer one request; then 504",
    help:
      "Bounds a hung view: its worker is replaced, its Python stack is logged, the client gets " +
      "504. Counted from the call of the application, not from the arrival. Too low cuts slow " +
      "reports and exports. gunicorn 30 s (for a worker, not for a request), nginx " +
      "`proxy_read_timeout` 60 s.",
    since: "0.1.0",
  },
  queueTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--queue-timeout",
    fallback: 30 * SECOND,
    min: 10,
    max: DAY,
    summary: "time a request may wait for a worker; then 503",
    help:
      "Bounds the age of a request when it gets its worker. By then the client has often given " +
      "up, and to answer it only makes the overload longer.",
    since: "0.1.0",
  },
  keepAliveTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--keep-alive",
    fallback: 5 * SECOND,
    min: 10,
    max: DAY,
    alsoCalled: ["--timeout-keep-alive", "--keepalive"],
    summary: "time an idle connection is kept; 75 behind an AWS load balancer",
    help:
      "Bounds idle connections (RFC 9112 section 9.3). Behind a proxy or load balancer it must " +
      "be longer than the proxy's own idle time, or the proxy sends a request into a connection " +
      "that is being closed and answers 502: 75 behind an AWS ALB (60 s). gunicorn 2 s, uvicorn " +
      "5 s, nginx 75 s.",
    since: "0.1.0",
  },
  headerTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--header-timeout",
    fallback: 30 * SECOND,
    min: 10,
    max: DAY,
    summary: "time for a request head to arrive in full; then 408",
    help:
      "Bounds slow heads (the Slowloris attack): counted from the head's first byte, or the " +
      "connection's start. Too low hurts mobile clients. nginx `client_header_timeout` 60 s.",
    since: "0.1.0",
  },
  bodyTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--body-timeout",
    fallback: 60 * SECOND,
    min: 10,
    max: DAY,
    summary: "longest pause while a request body arrives; then 408",
    help:
      "Bounds slow bodies (the R-U-Dead-Yet attack). No worker is taken until the body is there, " +
      "so a slow upload costs a connection only. nginx `client_body_timeout` 60 s.",
    since: "0.1.0",
  },
  writeTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--write-timeout",
    fallback: 60 * SECOND,
    min: 10,
    max: DAY,
    summary: "longest time in which a client takes no byte of its response",
    help:
      "Bounds slow reading: the connection is then closed. Counted anew with each byte that the " +
      "client's system takes, so that a long download is not cut. nginx `send_timeout` 60 s.",
    since: "0.1.0",
  },
  requestLineLimitBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--limit-request-line",
    fallback: 8190,
    min: 64,
    max: MIB,
    summary: "longest request line; then 414",
    help:
      "Method, target and version. RFC 9112 section 3 recommends that at least 8000 octets are " +
      "taken. Too low breaks long query strings. gunicorn 4094, Apache 8190, nginx 8k.",
    since: "0.1.0",
  },
  headLimitBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--limit-request-head",
    fallback: 64 * KIB,
    min: 256,
    max: 16 * MIB,
    alsoCalled: ["--limit-request-field_size", "--h11-max-incomplete-event-size"],
    summary: "largest request line and header section together; then 431",
    help:
      "Bounds the memory that a client can fill before anything is known about it. Too low " +
      "breaks large cookies and single sign-on tokens. nginx 32k, Node.js 16k, uvicorn 64k.",
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
    summary: "most fields in a request's header section; then 431",
    help: "Bounds the work and the objects that one head makes. gunicorn 100, Apache 100.",
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
      "Bounds the disk that one upload can fill; a declared length beyond it is refused before " +
      "the content comes. There is no 0 for unlimited, since it reads as nothing: say off. nginx " +
      "1m, waitress and Apache 1 GiB, gunicorn none.",
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
      "to a temporary file without a name, and the worker reads that. Bounds memory while many " +
      "clients upload. nginx 16k.",
    since: "0.1.0",
  },
  responseBufferBytes: {
    kind: "bytes",
    group: "Size",
    flag: "--response-buffer",
    fallback: MIB,
    min: 4 * KIB,
    max: GIB,
    summary: "response content kept for a slow client",
    help:
      "A response that fits frees its worker at once, however slowly the client reads. A larger " +
      "one makes the worker wait (backpressure). Times the connections it bounds memory. " +
      "waitress 18 MiB, nginx 8 x 4k and then a file.",
    since: "0.1.0",
  },
  config: {
    kind: "text",
    group: "General",
    flag: "--config",
    placeholder: "FILE",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "a JSON file",
    summary: "JSON file of options; keys are flags without hyphens in front",
    help:
      'One object, for instance `{"workers": 4, "timeout": "90s", "bind": ["127.0.0.1:8000"]}`. ' +
      "Values are written as on the command line, or as JSON numbers, booleans and lists. Flags " +
      "and the environment override it.",
    since: "0.1.0",
  },
  quiet: {
    kind: "boolean",
    group: "General",
    flag: "--quiet",
    short: "-q",
    fallback: false,
    summary: "print warnings and errors only",
    help: "Silences the lines printed at start and stop.",
    since: "0.1.0",
  },
  help: {
    kind: "boolean",
    group: "General",
    flag: "--help",
    short: "-h",
    fallback: false,
    commandLineOnly: true,
    summary: "print this text and exit",
    help: "Prints every option with its default, then exits with status 0.",
    since: "0.1.0",
  },
  version: {
    kind: "boolean",
    group: "General",
    flag: "--version",
    short: "-V",
    fallback: false,
    commandLineOnly: true,
    summary: "print the version and exit",
    help: "Prints Portico's version, then exits with status 0.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;

export type OptionKey = keyof typeof OPTIONS;

/** Values given as `NAME=VALUE`; of a name given twice the last counts. */
export type Assignments = Readonly<Record<string, string>>;

type Word<S extends OptionSpec> = S extends { readonly words: readonly (infer W)[] } ? W : never;

type Off<S extends OptionSpec> =
  | (S extends { readonly offAllowed: true } ? null : never)
  | (S["fallback"] extends null ? null : never);

type Single<S extends OptionSpec> = S["kind"] extends "integer" | "bytes" | "duration"
  ? number | Word<S> | Off<S>
  : S["kind"] extends "boolean"
    ? boolean
    : S["kind"] extends "choice"
      ? Word<S>
      : string | Off<S>;

type ValueOf<S extends OptionSpec> = S["kind"] extends "assignment"
  ? Assignments
  : S extends { readonly separator: string }
    ? readonly Single<S>[]
    : Single<S>;

/**
 * Every option's value: durations in milliseconds, sizes in bytes, null where it is off. Frozen.
 */
export type Options = { readonly [K in OptionKey]: ValueOf<(typeof OPTIONS)[K]> };

export const OPTION_KEYS = Object.keys(OPTIONS) as readonly OptionKey[];

/** The record, seen as what all records have in common. */
export function optionSpec(key: OptionKey): OptionSpec {
  return OPTIONS[key];
}
