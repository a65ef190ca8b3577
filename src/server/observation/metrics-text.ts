/**
 * Metrics as Prometheus reads them: its text format 0.0.4, by the library `prom-client`.
 *
 * Owns how a family becomes one of that library's; the figures are read when somebody asks.
 * Imported only where metrics are asked for, since it loads the library.
 *
 * @see docs/adr/0009-metrics-by-prom-client.md
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { DURATION_BOUNDS_S } from "./duration-histogram.ts";
import type { MetricFamily, MetricSeries } from "./metric-family.ts";
import type { MetricsReading, MetricsSource } from "./metrics-source.ts";
import { PROCESS_METRICS } from "./process-metrics.ts";
import { trafficMetrics } from "./traffic-metrics.ts";

/** What a scrape is answered. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** All metrics of a gateway, in the order in which they are shown. */
export function metricFamilies({ routes }: MetricsSource): readonly MetricFamily[] {
  return [...trafficMetrics(routes.length > 1), ...PROCESS_METRICS];
}

export function metricsText(source: MetricsSource): MetricsText {
  const registry = new Registry();
  let reading: MetricsReading | null = null;
  const read = (): MetricsReading => (reading ??= source.read());
  for (const family of metricFamilies(source)) register(registry, family, read);
  return {
    contentType: registry.contentType,
    text: () => {
      // All families are read at one moment: the first that is asked for.
      reading = null;
      return registry.metrics();
    },
  };
}

function register(registry: Registry, family: MetricFamily, read: () => MetricsReading): void {
  const { name, help, labels: labelNames } = family;
  const configuration = { name, help, labelNames, registers: [registry] };
  switch (family.kind) {
    case "gauge": {
      const gauge: Gauge = new Gauge({
        ...configuration,
        collect: () => {
          gauge.reset();
          for (const { labels, value } of family.read(read())) gauge.set(labels, value);
        },
      });
      break;
    }
    case "counter": {
      const counter: Counter = new Counter({
        ...configuration,
        collect: () => {
          counter.reset();
          for (const { labels, value } of family.read(read())) counter.inc(labels, value);
        },
      });
      break;
    }
    case "histogram":
      registry.registerMetric(new ReadHistogram(family, read));
      break;
    default:
      family satisfies never;
  }
}

interface HistogramText {
  readonly name: string;
  readonly help: string;
  readonly type: "histogram";
  readonly values: readonly HistogramValue[];
}

interface HistogramValue {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** The library's own histograms count by themselves; this one reads what was counted elsewhere. */
class ReadHistogram extends Histogram {
  readonly #family: Extract<MetricFamily, { readonly kind: "histogram" }>;
  readonly #read: () => MetricsReading;

  constructor(
    family: Extract<MetricFamily, { readonly kind: "histogram" }>,
    read: () => MetricsReading,
  ) {
    const { name, help, labels } = family;
    super({ name, help, labelNames: labels, registers: [] });
    this.#family = family;
    this.#read = read;
  }

  /** What the library makes text, and everything else, of; not in its types. */
  async getForPromString(): Promise<HistogramText> {
    const { name, help } = this.#family;
    const values = this.#family.read(this.#read()).flatMap((one) => seriesValues(name, one));
    return { name, help, type: "histogram", values };
  }
}

function seriesValues(name: string, { labels, series }: MetricSeries): HistogramValue[] {
  let cumulative = 0;
  const buckets = series.counts.map((count, index) => {
    cumulative += count;
    const le = DURATION_BOUNDS_S[index] ?? "+Inf";
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: cumulative };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: series.sumSeconds },
    { metricName: `${name}_count`, labels, value: series.count },
  ];
}
