/**
 * Puts load on a server with wrk, and reads what wrk reports.
 *
 * Must not know which server it is.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface LoadReport {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
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
      new RegExp(`^\\s+${percentile}%\\s+([\\d.]+)(us|ms|s|m)$`, "m"),
    );
    return Number(figure) / (UNITS_PER_MS[unit] ?? Number.NaN);
  };
  return {
    requests: Number(find(/(\d+) requests in/)[1]),
    requestsPerSecond: Number(find(/Requests\/sec:\s+([\d.]+)/)[1]),
    p50Ms: latencyMs(50),
    p99Ms: latencyMs(99),
    errors: /Socket errors.*|Non-2xx.*/.exec(text)?.[0] ?? null,
  };
}

/**
 * Loads `http://127.0.0.1:PORT/` from one thread with connections that are kept where the server
 * lets them.
 */
export async function load(
  port: number,
  connections: number,
  seconds: number,
): Promise<LoadReport> {
  const args = [
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    "--latency",
    `http://127.0.0.1:${port}/`,
  ];
  const { stdout } = await run("wrk", args);
  return parseReport(stdout);
}
