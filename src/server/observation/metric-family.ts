/**
 * What a metric is, before anybody writes it down: a name, its meaning, and how its figures are
 * read. Knows no text form. Names and units are by Prometheus' conventions.
 */
import type { DurationSeries } from "./duration-histogram.ts";
import type { MetricsReading } from "./metrics-source.ts";

export type MetricLabels = Readonly<Record<string, string>>;

export interface MetricSample {
  readonly labels: MetricLabels;
  readonly value: number;
}

export interface MetricSeries {
  readonly labels: MetricLabels;
  readonly series: DurationSeries;
}

interface MetricMeaning {
  readonly name: `portico_${string}`;
  /** One sentence, without a full stop. */
  readonly help: string;
  readonly labels: readonly string[];
}

export type MetricFamily =
  | (MetricMeaning & {
      readonly kind: "counter" | "gauge";
      read(reading: MetricsReading): readonly MetricSample[];
    })
  /** Of durations in seconds. */
  | (MetricMeaning & {
      readonly kind: "histogram";
      read(reading: MetricsReading): readonly MetricSeries[];
    });

/** A family without labels: one figure. */
export function single(
  kind: "counter" | "gauge",
  name: MetricMeaning["name"],
  help: string,
  read: (reading: MetricsReading) => number,
): MetricFamily {
  return {
    kind,
    name,
    help,
    labels: [],
    read: (reading) => [{ labels: {}, value: read(reading) }],
  };
}

/** A family with one label, whose values are the keys of what is read; null is left out. */
export function byLabel(
  kind: "counter" | "gauge",
  name: MetricMeaning["name"],
  help: string,
  label: string,
  read: (reading: MetricsReading) => Readonly<Record<string, number | null>>,
): MetricFamily {
  return {
    kind,
    name,
    help,
    labels: [label],
    read: (reading) =>
      Object.entries(read(reading)).flatMap(([key, value]) =>
        value === null ? [] : [{ labels: { [label]: key }, value }],
      ),
  };
}
