/**
 * What a metric is, before anybody writes it down: a name, its meaning, and how its figures are
 * read. Knows no text form. Names and units are by Prometheus' conventions.
 */
import type { DurationSeries } from "./duration-histogram.ts";
import type { MetricsReading } from "./metrics-source.ts";

export type MetricLabels = Readonly<Record<string, string>>;

export interface MetricSample<Value> {
  readonly labels: MetricLabels;
  readonly value: Value;
}

/**
 * What the figures of several gateways (`--gateways`) are together: the sum of those with the same
 * labels, or the largest of them, or each by itself, with a label more that says whose it is.
 */
export type Combination = "sum" | "maximum" | "each";

/** The label that {@link Combination} `each` adds: a gateway's number from 0, or `leader`. */
export const GATEWAY_LABEL = "gateway";

interface MetricMeaning<Kind, Combined = Combination> {
  readonly kind: Kind;
  readonly combined: Combined;
  readonly name: `portico_${string}`;
  /** One sentence, without a full stop. */
  readonly help: string;
  readonly labels: readonly string[];
}

export type NumberMeaning = MetricMeaning<"counter" | "gauge">;
/** Of durations in seconds. There is no largest of several. */
export type HistogramMeaning = MetricMeaning<"histogram", "sum" | "each">;

export type NumberFamily = NumberMeaning & {
  read(reading: MetricsReading): readonly MetricSample<number>[];
};
export type HistogramFamily = HistogramMeaning & {
  read(reading: MetricsReading): readonly MetricSample<DurationSeries>[];
};
export type MetricFamily = NumberFamily | HistogramFamily;

export type ToldNumbers = NumberMeaning & { readonly samples: readonly MetricSample<number>[] };
export type ToldHistogram = HistogramMeaning & {
  readonly samples: readonly MetricSample<DurationSeries>[];
};
/** A family with its figures of one moment: plain data, which another process may be sent. */
export type ToldFamily = ToldNumbers | ToldHistogram;

/** The figures of one moment. */
export function tell(family: MetricFamily, reading: MetricsReading): ToldFamily {
  if (family.kind !== "histogram") return tellNumbers(family, family.read(reading));
  const { kind, combined, name, help, labels } = family;
  return { kind, combined, name, help, labels, samples: family.read(reading) };
}

export function tellNumbers(
  { kind, combined, name, help, labels }: NumberMeaning,
  samples: readonly MetricSample<number>[],
): ToldNumbers {
  return { kind, combined, name, help, labels, samples };
}

/** A family without labels: one figure. */
export function single(
  kind: NumberMeaning["kind"],
  combined: Combination,
  name: NumberMeaning["name"],
  help: string,
  read: (reading: MetricsReading) => number,
): NumberFamily {
  return optional(kind, combined, name, help, read);
}

/** A family without labels: one figure, or none where what is read is null. */
export function optional(
  kind: NumberMeaning["kind"],
  combined: Combination,
  name: NumberMeaning["name"],
  help: string,
  read: (reading: MetricsReading) => number | null,
): NumberFamily {
  return {
    kind,
    combined,
    name,
    help,
    labels: [],
    read: (reading) => {
      const value = read(reading);
      return value === null ? [] : [{ labels: {}, value }];
    },
  };
}

/** A family with one label, whose values are the keys of what is read; null is left out. */
export function byLabel(
  kind: NumberMeaning["kind"],
  combined: Combination,
  name: NumberMeaning["name"],
  help: string,
  label: string,
  read: (reading: MetricsReading) => Readonly<Record<string, number | null>>,
): NumberFamily {
  return {
    kind,
    combined,
    name,
    help,
    labels: [label],
    read: (reading) =>
      Object.entries(read(reading)).flatMap(([key, value]) =>
        value === null ? [] : [{ labels: { [label]: key }, value }],
      ),
  };
}
