/**
 * Options: the processes that answer, and the queue in front of them.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

/** 1 to 512. */
const COUNT = "(?:[1-9]\\d?|[1-4]\\d{2}|50\\d|51[0-2])";
const WORKERS = new RegExp(`^(?:auto|${COUNT}(?:\\.\\.${COUNT})?)$`);

export const PROCESSES_OPTIONS = {
  gateways: {
    kind: "integer",
    group: "Processes",
    flag: "--gateways",
    placeholder: "COUNT",
    fallback: 1,
    min: 1,
    max: 64,
    summary: "processes that speak HTTP and own the connections",
    help:
      "One is enough until it fills its CPU: see [performance.md](performance.md). Each " +
      "further one has a zygote and a part of --workers, so the import is in memory once for " +
      "each. Workers are divided exactly; where that leaves a rest, the first gateways have " +
      "one more. --queue-max, --connections-max and --response-buffer-total are divided as " +
      "well; --connections-per-address-max counts in each gateway by itself, so that one " +
      "address may have up to so many in each. Not with --reload, --transport node, or " +
      "--metrics at a path of the site. nginx `worker_processes`.",
    since: "0.1.0",
  },
  workers: {
    kind: "text",
    group: "Processes",
    flag: "--workers",
    short: "-w",
    placeholder: "COUNT|MIN..MAX",
    fallback: "auto",
    pattern: WORKERS,
    maybeNumber: true,
    expects: "auto, a number from 1 to 512, or a range such as 2..8",
    environmentAliases: [{ name: "WEB_CONCURRENCY", prefix: "" }],
    alsoCalled: ["--processes", "--worker-processes"],
    summary: "worker processes",
    help:
      "Each answers one request at a time. `auto`: one for each CPU that this process may use, " +
      "by affinity and by cgroup quota, so a container gets what it was given. More help where " +
      "the application waits for a database; each costs memory. With a range, workers are forked " +
      "while requests wait, and ended when they have had nothing to do for 10 to 20 s. " +
      "WEB_CONCURRENCY is honoured. gunicorn and uvicorn 1.",
    since: "0.1.0",
  },
  workerClass: {
    kind: "choice",
    group: "Processes",
    flag: "--worker-class",
    short: "-k",
    placeholder: "CLASS",
    fallback: "process",
    words: ["process", "thread", "request"],
    summary: "what answers a request",
    help:
      "`process`: a worker that answers one request after the other. `thread`: a worker with " +
      "--threads threads, for applications that wait much and are thread-safe. `request`: a " +
      "fresh fork of the imported application for each request, of which at most --workers live " +
      "at once: nothing that one request does can reach the next.",
    since: "0.1.0",
  },
  threads: {
    kind: "integer",
    group: "Processes",
    flag: "--threads",
    placeholder: "COUNT",
    fallback: 1,
    min: 1,
    max: 64,
    alsoCalled: ["--blocking-threads"],
    summary: "threads of each worker of class thread",
    help:
      "More than one chooses --worker-class thread where no class is given, as with gunicorn. " +
      "Threads share a worker's memory and its one interpreter lock: they help where the " +
      "application waits, not where it computes.",
    since: "0.1.0",
  },
  requestsMax: {
    kind: "integer",
    group: "Processes",
    flag: "--max-requests",
    placeholder: "COUNT",
    fallback: null,
    min: 1,
    max: 1_000_000_000,
    offAllowed: true,
    alsoCalled: ["--limit-max-requests"],
    summary: "requests after which a worker is replaced",
    help:
      "Against applications that leak. The one in its place is ready before it leaves, so that " +
      "nobody waits; until then it goes on. gunicorn off.",
    since: "0.1.0",
  },
  requestsJitter: {
    kind: "integer",
    group: "Processes",
    flag: "--max-requests-jitter",
    placeholder: "COUNT",
    fallback: null,
    min: 0,
    max: 1_000_000_000,
    alsoCalled: ["--limit-max-requests-jitter"],
    summary: "so many requests more at most, by chance (default: a tenth of --max-requests)",
    help: "Keeps workers that were forked together from being replaced together.",
    since: "0.1.0",
  },
  rssMaxBytes: {
    kind: "bytes",
    group: "Processes",
    flag: "--max-rss",
    fallback: null,
    min: 1_048_576,
    max: 1_099_511_627_776,
    offAllowed: true,
    alsoCalled: ["--workers-max-rss"],
    summary: "resident memory beyond which a worker is replaced",
    help:
      "Looked at between requests, on Linux; shared pages count, so what the import takes is in " +
      "it. The log names the routes whose requests made it grow. The one in its place is ready " +
      "before it leaves.",
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
  hooks: {
    kind: "text",
    group: "Processes",
    flag: "--hooks",
    placeholder: "MODULE|FILE.py",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "the name of a module, or the path of a file that ends in .py",
    summary: "Python functions to call as processes and requests come and go",
    help:
      "A module on `sys.path`, or a file such as gunicorn's configuration file, of which only " +
      "the functions are used; it is imported before the application. post_fork(server, " +
      "worker), worker_ready(worker) or post_worker_init(worker), pre_request(worker, " +
      "request), post_request(worker, request, environ, response) and worker_exit(server, " +
      "worker) are called in the worker, child_exit(server, worker) in the process that it was " +
      "forked from. An error in one of the first three ends the worker; any other is logged.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
