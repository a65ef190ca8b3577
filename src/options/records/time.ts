/**
 * Options: how long anything may take.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";
import { DAY, GIB, SECOND } from "./units.ts";

export const TIME_OPTIONS = {
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
  drainDelayMs: {
    kind: "duration",
    group: "Time",
    flag: "--drain-delay",
    fallback: null,
    min: 10,
    max: DAY,
    offAllowed: true,
    summary: "time from SIGTERM, when readiness fails, until accepting stops",
    help:
      "Whoever sends requests here hears late that it should not: Kubernetes takes seconds to " +
      "take an address out everywhere, a load balancer as long as its health checks. Meanwhile " +
      "everything is served as before, new connections too; --graceful-timeout counts from its " +
      "end. 5 to 15 s in Kubernetes, in place of a preStop hook that sleeps, with " +
      "terminationGracePeriodSeconds above both together. SIGTERM again changes nothing; SIGINT " +
      "ends the delay. In no peer.",
    since: "0.1.0",
  },
  drainTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--drain-timeout",
    fallback: 3_600 * SECOND,
    min: SECOND,
    max: 30 * DAY,
    offAllowed: true,
    summary: "time in which a worker that is replaced finishes what it has",
    help:
      "After a reload, --max-requests and the like the worker that goes still answers what it " +
      "has. An answer in pieces may go on for as long as its client stays, and keep old code in " +
      "memory for so long. After this time such an answer is cut off, and named in the log; a " +
      "browser's EventSource connects again by itself. gunicorn 30 s, nginx never by default.",
    since: "0.1.0",
  },
  startTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--start-timeout",
    fallback: 60 * SECOND,
    min: 100,
    max: DAY,
    summary: "time for the application to be imported, and then for its workers to be ready",
    help:
      "Bounds an import that hangs, for instance on a database that does not answer, and workers " +
      "that do not get ready: then the start fails.",
    since: "0.1.0",
  },
  watchWindowMs: {
    kind: "duration",
    group: "Time",
    flag: "--watch-window",
    fallback: 10 * SECOND,
    min: SECOND,
    max: DAY,
    offAllowed: true,
    summary: "time for which new code is watched after a reload",
    help:
      "The old workers are kept for so long, without traffic. If the new ones fail where the old " +
      "did not (a larger share of 5xx, or workers that end by themselves), the old serve again, " +
      "and the log says why. It costs their memory meanwhile. `off` ends the old ones as soon as " +
      "they have answered what they hold.",
    since: "0.1.0",
  },
  lifetimeMs: {
    kind: "duration",
    group: "Time",
    flag: "--max-lifetime",
    fallback: null,
    min: SECOND,
    max: 365 * DAY,
    offAllowed: true,
    alsoCalled: ["--workers-lifetime"],
    summary: "age at which a worker is replaced",
    help:
      "Less up to a tenth by chance, so that workers do not leave together. The one in its place " +
      "is ready before it leaves.",
    since: "0.1.0",
  },
  timeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--timeout",
    alsoCalled: ["-t"],
    fallback: 30 * SECOND,
    min: 10,
    max: DAY,
    offAllowed: true,
    summary: "time for the application to answer one request; then 504",
    help:
      "Bounds a hung view, or one that a request was made to keep busy (ReDoS): its worker is " +
      "replaced, its Python stack is logged, the client gets 504. Counted from the call of the " +
      "application, not from the arrival. Too low cuts slow reports and exports. gunicorn 30 s " +
      "(for a worker, not for a request), nginx `proxy_read_timeout` 60 s.",
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
      "Bounds the age of a request when it gets its worker, so that a flood does not outlast " +
      "itself. By then the client has often given up, and to answer it only makes the overload " +
      "longer.",
    since: "0.1.0",
  },
  keepAliveTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--keep-alive",
    fallback: 5 * SECOND,
    min: 10,
    max: DAY,
    offAllowed: true,
    alsoCalled: ["--timeout-keep-alive", "--keepalive"],
    summary: "time an idle connection is kept; 75 behind an AWS load balancer",
    help:
      "Bounds how long a client that asks for nothing holds a descriptor (connection " +
      "exhaustion; RFC 9112 section 9.3). Behind a proxy or load balancer it must be longer " +
      "than the proxy's own idle time, or the proxy sends a request into a connection that is " +
      "being closed and answers 502: 75 behind an AWS ALB (60 s). Off: each response closes " +
      "its connection. gunicorn 2 s, uvicorn 5 s, nginx 75 s.",
    since: "0.1.0",
  },
  headerTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--header-timeout",
    fallback: 30 * SECOND,
    min: 10,
    max: DAY,
    summary: "time for a whole request head (slowloris); then 408",
    help:
      "Bounds slow heads (the Slowloris attack): counted from the head's first byte, or the " +
      "connection's start. Too low hurts mobile clients. nginx `client_header_timeout` 60 s.",
    since: "0.1.0",
  },
  exchangeTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--total-timeout",
    fallback: null,
    min: 10,
    max: DAY,
    offAllowed: true,
    alsoCalled: ["--request-timeout", "--harakiri"],
    summary: "time for a whole exchange, from a request's first byte to its answer's last",
    help:
      "Bounds what all the other limits together let a slow client do that stays just within " +
      "each of them (a slow attack that knows them). Off, because it also cuts long downloads " +
      "and slow uploads that go well. A request that is not there by then is answered 408, one " +
      "without an answer 504; an answer that is under way is cut.",
    since: "0.1.0",
  },
  bodyTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--body-timeout",
    fallback: 60 * SECOND,
    min: 10,
    max: DAY,
    summary: "longest pause in a request body (R-U-Dead-Yet); then 408",
    help:
      "Bounds bodies that stop (the R-U-Dead-Yet attack), together with --body-rate-min. No " +
      "worker is taken until the body is there, so a slow upload costs a connection only. " +
      "nginx `client_body_timeout` 60 s.",
    since: "0.1.0",
  },
  bodyRateMinBytes: {
    kind: "bytes",
    group: "Time",
    flag: "--body-rate-min",
    fallback: 240,
    min: 1,
    max: GIB,
    offAllowed: true,
    summary: "least bytes a second of a request body (slow post); else 408",
    help:
      "Bounds the slow body that sends a byte now and then, and so never pauses long enough " +
      "for --body-timeout (the R-U-Dead-Yet attack). Judged after the first 5 s, and only " +
      "while the client is what is waited for. What came faster counts for later, but for no " +
      "longer than --body-timeout (or 5 s), so that a burst does not pay for hours. Too high " +
      "cuts uploads over bad mobile links. ASP.NET's Kestrel 240, Apache `RequestReadTimeout` " +
      "500.",
    since: "0.1.0",
  },
  writeRateMinBytes: {
    kind: "bytes",
    group: "Time",
    flag: "--write-rate-min",
    fallback: 240,
    min: 1,
    max: GIB,
    offAllowed: true,
    summary: "least bytes a second that a client takes (slow read)",
    help:
      "Bounds the slow reader that takes a byte now and then, and so never pauses long enough " +
      "for --write-timeout (the Slow Read attack): its connection is reset. Judged after the " +
      "first 5 s of a response that waits for its client, by what the client's system has " +
      "acknowledged; what it took faster counts for later, but for no longer than " +
      "--write-timeout (or 5 s). Without epoll that is not known, and only --write-timeout " +
      "holds. Kestrel 240, nginx and gunicorn none.",
    since: "0.1.0",
  },
  writeTimeoutMs: {
    kind: "duration",
    group: "Time",
    flag: "--write-timeout",
    fallback: 60 * SECOND,
    min: 10,
    max: DAY,
    summary: "longest time in which a client takes nothing (slow read)",
    help:
      "Bounds the reader that stops (the Slow Read attack), and would have its answer kept for " +
      "ever: the connection is then closed. Counted anew with each byte that the client's " +
      "system takes, so that a long download is not cut. nginx `send_timeout` 60 s.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
