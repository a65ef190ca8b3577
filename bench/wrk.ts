/**
 * Puts load on a server with wrk, and reads what wrk reports.
 *
 * Must not know which server it is.
 */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const POST_SCRIPT = path.join(import.meta.dirname, "wrk-post.lua");

export interface LoadReport {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of all responses, heads included, also those that were not complete at the end. */
  readonly readBytes: number;
  /**
   * wrk's line about failed sockets or statuses other than 2xx and 3xx; null where all went well.
   */
  readonly errors: string | null;
}

/** How many of wrk's units make a millisecond. */
const UNITS_PER_MS: Readonly<Record<string, number>> = {
  us: 1000,
  ms: 1,
  s: 1 / 1000,
  m: 1 / 60_000,
};

/** wrk writes sizes in powers of 1024. */
const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  "": 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/**
 * Reads wrk's report.
 *
 * @throws {Error} when a figure is missing, with the text
 */
export function parseReport(text: string): LoadReport {
  const find = (pattern: RegExp): RegExpExecArray => {
    const found = pattern.exec(text);
    if (found === null) throw new Error(`wrk reported no ${pattern.source}:\n${text}`);
    return found;
  };
  const latencyMs = (percentile: number): number => {
    const [, figure = "", unit = ""] = find(
      new RegExp(`^\\s+${percentile}%\\s+([\\d.]+)(us|ms|s|m) *$`, "m"),
    );
    return Number(figure) / (UNITS_PER_MS[unit] ?? Number.NaN);
  };
  const [, size = "", unit = ""] = find(/ requests in .*, ([\d.]+)([KMGT]?)B read/);
  return {
    requests: Number(find(/(\d+) requests in/)[1]),
    requestsPerSecond: Number(find(/Requests\/sec:\s+([\d.]+)/)[1]),
    p50Ms: latencyMs(50),
    p99Ms: latencyMs(99),
    readBytes: Number(size) * (BYTES_PER_UNIT[unit] ?? Number.NaN),
    errors: /Socket errors.*|Non-2xx.*/.exec(text)?.[0] ?? null,
  };
}

export interface WrkOrder {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** Content of each request, which is a POST then; null for a GET. */
  readonly bodyBytes: number | null;
}

/** A download of 100 MiB on a slow machine; wrk counts an answer that takes longer as an error. */
const ANSWER_TIMEOUT_SECONDS = 30;

/**
 * Until every compiler that works while a program runs has done so. It counts calls, not seconds:
 * the gateway is as quick as it will be after about 60,000 requests, so with Flask after 5 s.
 */
const WARM_UP_SECONDS = 5;

/** Loads a server from one thread, with connections that are kept where the server lets them. */
export async function load(order: WrkOrder): Promise<LoadReport> {
  const { stdout } = await run("wrk", ...wrkCall(order));
  return parseReport(stdout);
}

/** The same load, not measured, for what a server does only once. */
export async function warmUp(order: WrkOrder): Promise<void> {
  await run("wrk", ...wrkCall({ ...order, seconds: WARM_UP_SECONDS }));
}

function wrkCall(order: WrkOrder): [args: string[], options: { env: NodeJS.ProcessEnv }] {
  const { port, connections, seconds, bodyBytes } = order;
  const script = bodyBytes === null ? [] : ["--script", POST_SCRIPT];
  const args = [
    "--threads=1",
    `--connections=${connections}`,
    `--duration=${seconds}s`,
    `--timeout=${ANSWER_TIMEOUT_SECONDS}s`,
    "--latency",
    ...script,
    `http://127.0.0.1:${port}${order.path}`,
  ];
  return [args, { env: { ...process.env, BENCH_BODY_BYTES: String(bodyBytes) } }];
}
