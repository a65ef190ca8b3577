/**
 * Options: what those who run the server see of it, beside its logs.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const OBSERVATION_OPTIONS = {
  metrics: {
    kind: "text",
    group: "Observation",
    flag: "--metrics",
    placeholder: "PLACE",
    fallback: null,
    offAllowed: true,
    pattern: /^[^\0]+$/,
    expects: "an address such as 127.0.0.1:9100 or unix:/run/metrics.sock, or a path as /metrics",
    alsoCalled: ["--prometheus"],
    summary: "figures for Prometheus: an address of their own, or a path of the site",
    help:
      "At an address (`127.0.0.1:9100`, `unix:/run/portico-metrics.sock`) they are at " +
      "`/metrics` of a server of their own. With a path (`/metrics`) the gateway answers there " +
      "itself, on the sockets of --bind: then everybody who can reach the site can read them, " +
      "and the application never sees that path. No worker is asked, so they are there when " +
      "all are busy. With --gateways they are sums of all, at an address only. " +
      "Not told apart by anything that a client sends. Costs a tenth of a " +
      "microsecond for each request. [observe.md](observe.md) has every figure. Granian " +
      "`--metrics`, uWSGI `--stats`.",
    since: "0.1.0",
  },
  metricsRoutes: {
    kind: "text",
    group: "Observation",
    flag: "--metrics-route",
    placeholder: "NAME=PATH",
    fallback: [],
    pattern: /^[^\0]+$/,
    expects: "a name and a path, such as api=/api",
    separator: ",",
    summary: "figures of their own for a path and all below it; repeatable",
    help:
      '`api=/api` gives requests for `/api` and below a label `route="api"`; of several paths ' +
      "that fit the longest decides, and what fits none is `other`. `/api/` is only what is " +
      "below it. Several paths may have one name. At most 50 names: each has about 100 series.",
    since: "0.1.0",
  },
  namesRequests: {
    kind: "boolean",
    group: "Observation",
    flag: "--request-id",
    fallback: false,
    summary: "each request has an id, in its answer, its environ and its line in the log",
    help:
      "What a trusted proxy calls it (`X-Request-ID`, else the trace of `traceparent`), else a " +
      "UUID of our own, is `X-Request-ID` in every answer, also in those that the gateway " +
      "gives itself, `HTTP_X_REQUEST_ID` in the environ, whatever a client sends there, and in " +
      "the access log. An application's own `X-Request-ID` stands. Without this only a request " +
      "that fails gets an id, and one that a trusted proxy has named keeps its name in the " +
      'log. Costs about 1 µs of CPU for each request, a tenth of what "hello, world" takes ' +
      "in all, so it is off by default.",
    since: "0.1.0",
  },
  serverTiming: {
    kind: "boolean",
    group: "Observation",
    flag: "--server-timing",
    fallback: false,
    summary: "answers say where their time went (Server-Timing)",
    help:
      "`queue;dur=0.4, app;dur=12.5` in milliseconds: waiting for a worker, and the application " +
      "until its head. Browsers show it beside the request in their developer tools, and scripts " +
      "of the same origin can read it. Whoever can reach the site learns how busy it is, so it " +
      "is for staging, or for a site whose proxy takes the field out.",
    since: "0.1.0",
  },
  trace: {
    kind: "text",
    group: "Observation",
    flag: "--trace",
    placeholder: "ENDPOINT",
    fallback: null,
    offAllowed: true,
    words: ["on"],
    pattern: /^https?:\/\/[^\s\0]+$/i,
    expects: "the http or https URL of a collector, such as http://localhost:4318",
    alsoCalled: ["--otlp-endpoint", "--otel"],
    summary: "a span of OpenTelemetry for each request, sent to a collector by OTLP over HTTP",
    help:
      "Each request gets a server span, and the application a `traceparent` that names it as the " +
      "parent of whatever it does. Spans are posted as JSON to the endpoint's path, or to " +
      "`/v1/traces` where it has none; `on` goes where `$OTEL_EXPORTER_OTLP_ENDPOINT` says, or " +
      "to localhost:4318. The standard's other variables hold as well: " +
      "`$OTEL_SERVICE_NAME`, `$OTEL_RESOURCE_ATTRIBUTES`, `$OTEL_TRACES_SAMPLER`, " +
      "`$OTEL_EXPORTER_OTLP_HEADERS` and its like; `$OTEL_SDK_DISABLED=true` is `off`. " +
      "Needs packages of OpenTelemetry, which are not installed with Portico; the program says " +
      "which. No request waits for a collector: up to 2048 spans do, then they are dropped, and " +
      "the error log says how many. [observe.md](observe.md#traces) has what a span says, and " +
      "what it costs.",
    since: "0.1.0",
  },
  traceSample: {
    kind: "text",
    group: "Observation",
    flag: "--trace-sample",
    placeholder: "RATIO",
    fallback: null,
    pattern: /^(?:0(?:\.\d{1,9})?|1(?:\.0{1,9})?)$/,
    maybeNumber: true,
    expects: "a number from 0 to 1, such as 0.05",
    summary: "share of the traces that begin here whose spans are recorded, 0 to 1",
    help:
      "Of a trace that a trusted peer has begun, its own word counts: otherwise traces would " +
      "have holes. The application is told, and does the same. Not given: what " +
      "`$OTEL_TRACES_SAMPLER` and `$OTEL_TRACES_SAMPLER_ARG` say, else 1.",
    since: "0.1.0",
  },
  traceParent: {
    kind: "choice",
    group: "Observation",
    flag: "--trace-parent",
    fallback: "trusted",
    words: ["trusted", "any", "none"],
    summary: "whose traceparent makes a request part of their trace",
    help:
      "`trusted`: that of the peers of --forwarded-allow-ips. Anybody else gets a new trace, " +
      "with a link to the one that was named: a client could otherwise have each of its " +
      "requests recorded, or add to traces that are not its own. `any`: everybody's, so that " +
      "browsers and mobile applications begin the traces; most OpenTelemetry servers do that. " +
      "`none`: nobody's, for behind a proxy that hands on what its clients say of a trace.",
    since: "0.1.0",
  },
  dashboard: {
    kind: "text",
    group: "Observation",
    flag: "--dashboard",
    placeholder: "ADDRESS",
    fallback: null,
    offAllowed: true,
    pattern: /^[^\0]+$/,
    expects: "an address such as 127.0.0.1:9000 or unix:/run/portico-dashboard.sock",
    alsoCalled: ["--ui", "--admin"],
    summary: "a live page for people: processes, sockets, connections, charts",
    help:
      "Draws, each second, the process tree and what each worker is doing, the sockets with " +
      "their queues, the busiest connections, and the last ten minutes. Only this machine can " +
      "reach it, unless --dashboard-token is set; `ssh -L 9000:127.0.0.1:9000 host` brings it " +
      "to yours. It shows request lines and Python's stacks: whoever may log in to this " +
      "machine may see them. Nothing is computed while nobody looks. " +
      "[observe.md](observe.md#the-live-page) has what it shows.",
    since: "0.1.0",
  },
  dashboardToken: {
    kind: "text",
    group: "Observation",
    flag: "--dashboard-token",
    placeholder: "TOKEN",
    fallback: null,
    pattern: /^[!-~]{16,256}$/,
    secret: true,
    expects: "16 to 256 printable characters without spaces, as `openssl rand -hex 16` makes them",
    summary: "what the live page asks for before it shows or does anything",
    help:
      "With it the page may listen at any address, and has buttons to reload and to scale. " +
      "Better given as `PORTICO_DASHBOARD_TOKEN`, which the application does not see, or in " +
      "the file of --config, than on a command line that everybody on this machine can read. " +
      "The page keeps it until its tab is closed; `http://host:9000/#token=...` brings it " +
      "along, without the server or a proxy seeing it. Over a network use TLS in front of it, " +
      "or ssh.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
