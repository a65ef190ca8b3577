/**
 * The figures that a measurement may have: what each is called in a table, and whether less of it
 * is better.
 *
 * Pure. Must not know how a figure is taken.
 */

export interface MetricDescription {
  /** Its heading in a table, with the unit. */
  readonly heading: string;
  /** Digits behind the point that mean something. */
  readonly digits: number;
  readonly better: "lower" | "higher";
}

export const METRICS = {
  cpuUsPerRequest: { heading: "CPU µs/request", digits: 1, better: "lower" },
  cpuMsPerMib: { heading: "CPU ms/MiB", digits: 3, better: "lower" },
  requestsPerSecond: { heading: "requests/s", digits: 0, better: "higher" },
  requestsPerSecondPerWorker: { heading: "requests/s/worker", digits: 0, better: "higher" },
  requestsPerCpuSecond: { heading: "requests/CPU s", digits: 0, better: "higher" },
  mibPerSecond: { heading: "MiB/s", digits: 1, better: "higher" },
  p50Ms: { heading: "p50 ms", digits: 3, better: "lower" },
  p99Ms: { heading: "p99 ms", digits: 3, better: "lower" },
  startMs: { heading: "start ms", digits: 0, better: "lower" },
  pssMib: { heading: "PSS MiB", digits: 1, better: "lower" },
  peakPssMib: { heading: "peak PSS MiB", digits: 1, better: "lower" },
  gatewayBytesPerConnection: { heading: "gateway B/connection", digits: 0, better: "lower" },
  machineBusyPercent: { heading: "CPUs busy %", digits: 0, better: "lower" },
} as const satisfies Record<string, MetricDescription>;

export type Metric = keyof typeof METRICS;

/** What was measured; a metric that a work does not have is missing. */
export type Figures = Readonly<Partial<Record<Metric, number>>>;

export function isMetric(name: string): name is Metric {
  return Object.hasOwn(METRICS, name);
}

/** The figure as it stands in tables and sentences, without its unit. */
export function formatFigure(metric: Metric, figure: number): string {
  return figure.toFixed(METRICS[metric].digits);
}

/** Whether `figure` is at least as good as `limit`. */
export function isWithin(metric: Metric, figure: number, limit: number): boolean {
  return METRICS[metric].better === "lower" ? figure <= limit : figure >= limit;
}
