/**
 * Options: the processes that answer, and the queue in front of them.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const PROCESSES_OPTIONS = {
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
} as const satisfies Record<string, OptionSpec>;
