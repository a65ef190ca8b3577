/**
 * From single measurements to the table that is printed: medians, ratios, goals.
 *
 * Pure. Must not know how a figure was taken.
 */
import type { Measurement } from "./measure.ts";

export interface Summary {
  readonly server: string;
  readonly rounds: number;
  readonly cpuMin: number;
  readonly cpuMedian: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly proportionalSetMib: number;
  readonly processes: number;
  readonly errors: readonly string[];
}

/**
 * How much CPU time a request of Portico may cost at most, in that of another server, on bare
 * WSGI.
 */
export const GOALS: Readonly<Record<string, number>> = { bjoern: 1.5, granian: 0.4 };

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

/**
 * One summary for each server, in the order in which they were measured first; medians over the
 * rounds.
 */
export function summarize(measurements: readonly Measurement[]): Summary[] {
  const names = [...new Set(measurements.map(({ server }) => server))];
  return names.map((server) => {
    const rounds = measurements.filter((measurement) => measurement.server === server);
    const medianOf = (read: (measurement: Measurement) => number): number =>
      median(rounds.map(read));
    const cpu = rounds.map(({ cpuMicrosecondsPerRequest }) => cpuMicrosecondsPerRequest);
    return {
      server,
      rounds: rounds.length,
      cpuMin: Math.min(...cpu),
      cpuMedian: median(cpu),
      requestsPerSecond: medianOf((round) => round.requestsPerSecond),
      p50Ms: medianOf((round) => round.p50Ms),
      p99Ms: medianOf((round) => round.p99Ms),
      proportionalSetMib: medianOf((round) => round.proportionalSetMib),
      processes: medianOf((round) => round.processes),
      errors: rounds.flatMap(({ errors }) => errors ?? []),
    };
  });
}

/**
 * @returns lines of text: a row for each server, with its CPU time in that of bjoern and of
 * Granian
 */
export function table(summaries: readonly Summary[]): string {
  const reference = (name: string): number | undefined =>
    summaries.find(({ server }) => server === name)?.cpuMedian;
  const ratio = (cpu: number, name: string): string => {
    const other = reference(name);
    return other === undefined ? "-" : (cpu / other).toFixed(2);
  };
  const header = [
    "server",
    "CPU µs min",
    "median",
    "/bjoern",
    "/granian",
    "req/s",
    "p50 ms",
    "p99 ms",
    "PSS MiB",
    "procs",
    "errors",
  ];
  const rows = summaries.map((row) => [
    row.server,
    row.cpuMin.toFixed(1),
    row.cpuMedian.toFixed(1),
    ratio(row.cpuMedian, "bjoern"),
    ratio(row.cpuMedian, "granian"),
    row.requestsPerSecond.toFixed(0),
    row.p50Ms.toFixed(2),
    row.p99Ms.toFixed(2),
    row.proportionalSetMib.toFixed(0),
    String(row.processes),
    row.errors.length === 0 ? "-" : `${row.errors.length} rounds`,
  ]);
  const lines = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? "").length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => pad(cell, widths[column] ?? 0, column))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/**
 * A sentence for each goal whose two servers were measured. A goal is judged by the best round of
 * each: what else the machine does can only add CPU time. The medians are named beside it.
 */
export function goalLines(summaries: readonly Summary[]): string[] {
  const find = (name: string): Summary | undefined =>
    summaries.find(({ server }) => server === name);
  const ours = find("portico");
  return Object.entries(GOALS).flatMap(([name, bound]) => {
    const theirs = find(name);
    if (ours === undefined || theirs === undefined) return [];
    const times = ours.cpuMin / theirs.cpuMin;
    const verdict = times <= bound ? "met" : "missed";
    const medians = (ours.cpuMedian / theirs.cpuMedian).toFixed(2);
    return [
      `Goal ${verdict}: ${times.toFixed(2)} times the CPU of ${name}, best rounds ` +
        `(medians ${medians}); at most ${bound} is wanted.`,
    ];
  });
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
