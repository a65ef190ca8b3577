/**
 * From single measurements to the table that is printed: the best round and the median of each
 * entrant.
 *
 * Pure. Must not know how a figure was taken.
 */
import type { Measurement } from "./measure.ts";
import { type Figures, formatFigure, isMetric, isWithin, type Metric, METRICS } from "./metrics.ts";

export interface Summary {
  readonly entrant: string;
  readonly server: string;
  readonly rounds: number;
  readonly best: Figures;
  readonly median: Figures;
  readonly processes: number;
  /** wrk's lines about failed requests, of all rounds. */
  readonly errors: readonly string[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

/** One summary for each entrant, in the order in which they were measured first. */
export function summarize(measurements: readonly Measurement[]): Summary[] {
  const names = [...new Set(measurements.map(({ entrant }) => entrant))];
  return names.map((entrant) => {
    const rounds = measurements.filter((measurement) => measurement.entrant === entrant);
    return {
      entrant,
      server: rounds[0]?.server ?? entrant,
      rounds: rounds.length,
      best: overRounds(rounds, (metric, values) =>
        values.reduce((best, value) => (isWithin(metric, value, best) ? value : best)),
      ),
      median: overRounds(rounds, (_metric, values) => median(values)),
      processes: median(rounds.map(({ processes }) => processes)),
      errors: rounds.flatMap(({ errors }) => errors ?? []),
    };
  });
}

function overRounds(
  rounds: readonly Measurement[],
  reduce: (metric: Metric, values: readonly number[]) => number,
): Figures {
  const metrics = Object.keys(rounds[0]?.figures ?? {}).filter(isMetric);
  return Object.fromEntries(
    metrics.map((metric) => [
      metric,
      reduce(
        metric,
        rounds.map(({ figures }) => figures[metric] ?? Number.NaN),
      ),
    ]),
  );
}

interface Column {
  readonly heading: string;
  cell(summary: Summary): string;
}

/**
 * @param metrics  the columns; of the first, and of those in `judged`, the best round is shown too
 * @returns lines of text: a row for each entrant, with its share of Portico's in the first metric
 */
export function table(
  summaries: readonly Summary[],
  [leading, ...others]: readonly [Metric, ...Metric[]],
  judged: ReadonlySet<Metric>,
): string {
  const columns: Column[] = [
    { heading: "server", cell: ({ entrant }) => entrant },
    bestColumn(leading),
    { heading: "median", cell: medianCell(leading) },
    { heading: "/portico", cell: (summary) => timesPortico(summary, leading, summaries) },
    ...others.flatMap((metric) =>
      judged.has(metric)
        ? [bestColumn(metric), { heading: "median", cell: medianCell(metric) }]
        : [{ heading: METRICS[metric].heading, cell: medianCell(metric) }],
    ),
    { heading: "procs", cell: ({ processes }) => String(processes) },
    { heading: "errors", cell: ({ errors }) => errorsCell(errors) },
  ];
  const lines = [
    columns.map(({ heading }) => heading),
    ...summaries.map((summary) => columns.map((column) => column.cell(summary))),
  ];
  const widths = columns.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? "").length)),
  );
  return lines.map((line) => alignLine(line, widths)).join("\n");
}

function bestColumn(metric: Metric): Column {
  return {
    heading: `${METRICS[metric].heading} best`,
    cell: ({ best }) => figureCell(metric, best[metric]),
  };
}

function medianCell(metric: Metric): (summary: Summary) => string {
  return (summary) => figureCell(metric, summary.median[metric]);
}

function figureCell(metric: Metric, figure: number | undefined): string {
  return figure === undefined ? "-" : formatFigure(metric, figure);
}

function timesPortico(summary: Summary, metric: Metric, summaries: readonly Summary[]): string {
  const ours = summaries.find(({ entrant }) => entrant === "portico")?.median[metric];
  const theirs = summary.median[metric];
  return ours === undefined || theirs === undefined ? "-" : (theirs / ours).toFixed(2);
}

function errorsCell(errors: readonly string[]): string {
  return errors.length === 0 ? "-" : `${errors.length} rounds`;
}

/** The first cell to the left, the others to the right. */
function alignLine(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    })
    .join("  ")
    .trimEnd();
}
