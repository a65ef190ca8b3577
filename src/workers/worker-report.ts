/**
 * What a worker tells of itself between two answers: the head of a REPORT frame
 * (docs/worker-protocol.md), read and checked. Pure.
 *
 * A worker is ours, but the application in it is not: what it names is for the log and for the
 * watcher of files, and is never run.
 */

/** One route, and by how much the resident set grew while its requests ran. */
export interface RouteGrowth {
  /** As the application's author would name it; it may come from a client. Not escaped. */
  readonly route: string;
  readonly grewBytes: number;
  readonly requests: number;
}

/** The resident set is larger than it was allowed to be. */
export interface MemoryReport {
  readonly kind: "memory";
  readonly rssBytes: number;
  /** Those that grew most, at most {@link REPORT_ROUTES_MAX}. */
  readonly routes: readonly RouteGrowth[];
}

/** Source files that were imported since the last report. */
export interface FilesReport {
  readonly kind: "files";
  readonly files: readonly string[];
}

export type WorkerReport = MemoryReport | FilesReport;

const MIB = 1_048_576;
export const REPORT_MAX_BYTES = 16_384;
export const REPORT_ROUTES_MAX = 5;

const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads `bytes[start..end)`.
 *
 * @returns null where it is not a report: the worker cannot be trusted
 */
export function parseWorkerReport(bytes: Buffer, start: number, end: number): WorkerReport | null {
  if (end - start > REPORT_MAX_BYTES) return null;
  let value: unknown;
  try {
    value = JSON.parse(UTF_8.decode(bytes.subarray(start, end)));
  } catch {
    return null;
  }
  if (hasKeys(value, ["files"])) {
    const { files } = value;
    if (!Array.isArray(files) || !files.every((file) => typeof file === "string")) return null;
    return { kind: "files", files };
  }
  if (!hasKeys(value, ["routes", "rssBytes"])) return null;
  const { rssBytes, routes } = value;
  if (!isCount(rssBytes) || !Array.isArray(routes)) return null;
  if (routes.length > REPORT_ROUTES_MAX || !routes.every(isRouteGrowth)) return null;
  return { kind: "memory", rssBytes, routes };
}

function isRouteGrowth(value: unknown): value is RouteGrowth {
  if (!hasKeys(value, ["grewBytes", "requests", "route"])) return false;
  const { route, grewBytes, requests } = value;
  // A route may give memory back.
  return typeof route === "string" && Number.isSafeInteger(grewBytes) && isCount(requests);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether it is an object with these keys, which are in order, and no others. */
function hasKeys<Key extends string>(
  value: unknown,
  keys: readonly Key[],
): value is Readonly<Record<Key, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const own = Object.keys(value).toSorted();
  return own.length === keys.length && own.every((key, place) => key === keys[place]);
}

/** For the log: `/export by 38.0 MiB over 200 requests`. */
export function describeGrowth(routes: readonly RouteGrowth[]): string {
  return routes
    .filter(({ grewBytes }) => grewBytes > 0)
    .map((one) => `${one.route} by ${mebibytes(one.grewBytes)} over ${one.requests} requests`)
    .join("; ");
}

export function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
