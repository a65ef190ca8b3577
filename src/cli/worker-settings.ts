/**
 * From the options about workers to what the supervisor is made with. Owns their notation.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { percentDecode } from "../http/target.ts";
import { isDefault, type Options } from "../options/registry.ts";
import type { ReadinessTarget } from "../workers/readiness-probe.ts";
import type { WorkerLifeSettings } from "../workers/worker-life.ts";
import type { WorkerRange } from "../workers/worker-scaling.ts";
import type { WorkerClass } from "../workers/zygote-start.ts";

export const WORKERS_MAX = 512;
/** Where --max-requests-jitter is not given, it is this share of --max-requests. */
const REQUESTS_JITTER_SHARE = 0.1;

/**
 * @param text as `--workers` takes it, but not `auto`
 * @throws {OperatorError} exit status 2: too many, or a range whose end is below its beginning
 */
export function parseWorkerRange(text: string): WorkerRange {
  const [first = "", last = first] = text.split("..");
  const range = { min: Number(first), max: Number(last) };
  if (range.min <= range.max && range.max <= WORKERS_MAX && range.min >= 1) return range;
  throw new OperatorError(
    EXIT_STATUS.usage,
    `--workers: expected a number from 1 to ${WORKERS_MAX}, or a range such as 2..8, not ${text}`,
  );
}

/** @throws {OperatorError} exit status 2: threads for a class that has none */
export function workerLife(options: Options): WorkerLifeSettings {
  const requestsMax = options.requestsMax;
  const workerClass = workerClassOf(options);
  return {
    workerClass,
    threads: workerClass === "thread" ? options.threads : 1,
    // A worker of class `request` has one request, whatever is asked for.
    requestsMax: workerClass === "request" ? null : requestsMax,
    requestsJitter:
      options.requestsJitter ?? Math.floor((requestsMax ?? 0) * REQUESTS_JITTER_SHARE),
    rssMaxBytes: options.rssMaxBytes,
    lifetimeMs: options.lifetimeMs,
    drainTimeoutMs: options.drainTimeoutMs,
  };
}

function workerClassOf(options: Options): WorkerClass {
  const { threads } = options;
  const workerClass = options.workerClass;
  if (threads === 1) return workerClass;
  if (workerClass === "thread" || isDefault(options, "workerClass")) return "thread";
  throw new OperatorError(
    EXIT_STATUS.usage,
    `--threads ${threads}: --worker-class ${workerClass} has one thread; leave one of the two out`,
  );
}

/** @param text as `--ready-path` takes it */
export function readinessTarget(text: string | null): ReadinessTarget | null {
  if (text === null) return null;
  const url = new URL(text, "http://localhost");
  return {
    path: percentDecode(url.pathname),
    query: url.search.slice(1),
    host: url.host,
    scheme: url.protocol === "https:" ? "https" : "http",
  };
}
