/**
 * What several gateways count, added up to what one would say: by what each metric says of itself
 * ({@link Combination}). Pure.
 */
import type { DurationSeries } from "../observation/duration-histogram.ts";
import {
  GATEWAY_LABEL,
  type MetricSample,
  type ToldFamily,
  type ToldHistogram,
  type ToldNumbers,
} from "../observation/metric-family.ts";

/** What one process of several tells. */
export interface PartMetrics {
  /** Value of the label that tells the parts apart, where a metric does. */
  readonly gateway: string;
  readonly families: readonly ToldFamily[];
}

/** One series for each set of labels; each family once, in the order in which they come up. */
export function combinedMetrics(parts: readonly PartMetrics[]): ToldFamily[] {
  return joined(
    parts.flatMap(({ gateway, families }) =>
      families.map((family) => (family.combined === "each" ? named(family, gateway) : family)),
    ),
    ({ combined }) => (combined === "maximum" ? larger : sum),
  );
}

/**
 * What processes have told that followed each other in the place of one gateway. What they counted
 * is added: so no counter goes back where one process begins anew.
 */
export function succeeded(
  before: readonly ToldFamily[],
  after: readonly ToldFamily[],
): ToldFamily[] {
  return joined([...counted(before), ...after], () => sum);
}

/** Without what is only true at a moment. */
export function counted(families: readonly ToldFamily[]): ToldFamily[] {
  return families.filter(({ kind }) => kind !== "gauge");
}

type Join<Value> = (one: Value, other: Value) => Value;

function joined(
  families: readonly ToldFamily[],
  numbersOf: (family: ToldNumbers) => Join<number>,
): ToldFamily[] {
  return [...Map.groupBy(families, ({ name }) => name).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return first.kind === "histogram"
      ? { ...first, samples: bySeries(group.flatMap(durationsIn), first.labels, sumOfSeries) }
      : { ...first, samples: bySeries(group.flatMap(numbersIn), first.labels, numbersOf(first)) };
  });
}

/** One for each set of labels, in the order in which they come up. */
function bySeries<Value>(
  samples: readonly MetricSample<Value>[],
  labelNames: readonly string[],
  join: Join<Value>,
): MetricSample<Value>[] {
  const series = new Map<string, MetricSample<Value>>();
  for (const { labels, value } of samples) {
    const key = JSON.stringify(labelNames.map((name) => labels[name]));
    const before = series.get(key);
    series.set(key, { labels, value: before === undefined ? value : join(before.value, value) });
  }
  return [...series.values()];
}

function named(family: ToldFamily, gateway: string): ToldFamily {
  const labels = [...family.labels, GATEWAY_LABEL];
  const own = <Value>(sample: MetricSample<Value>): MetricSample<Value> => ({
    ...sample,
    labels: { ...sample.labels, [GATEWAY_LABEL]: gateway },
  });
  return family.kind === "histogram"
    ? { ...family, labels, samples: family.samples.map(own) }
    : { ...family, labels, samples: family.samples.map(own) };
}

function durationsIn(family: ToldFamily): ToldHistogram["samples"] {
  return family.kind === "histogram" ? family.samples : [];
}

function numbersIn(family: ToldFamily): ToldNumbers["samples"] {
  return family.kind === "histogram" ? [] : family.samples;
}

function sum(one: number, other: number): number {
  return one + other;
}

function larger(one: number, other: number): number {
  return Math.max(one, other);
}

/** All have the same buckets. */
function sumOfSeries(one: DurationSeries, other: DurationSeries): DurationSeries {
  return {
    counts: one.counts.map((count, bucket) => count + (other.counts[bucket] ?? 0)),
    count: one.count + other.count,
    sumSeconds: one.sumSeconds + other.sumSeconds,
  };
}
