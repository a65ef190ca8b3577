/**
 * Metrics as Prometheus reads them: its text format 0.0.4, by the library `prom-client`.
 *
 * Owns how a family with its figures becomes one of that library's. Imported only where metrics are
 * written, since it loads the library.
 *
 * @see docs/adr/0009-metrics-by-prom-client.md
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { DURATION_BOUNDS_S, type DurationSeries } from "./duration-histogram.ts";
import type { MetricSample, ToldFamily, ToldHistogram } from "./metric-family.ts";

/** What a scrape is answered. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** @param tell reads all figures at one moment: once for each text */
export function metricsText(
  tell: () => readonly ToldFamily[] | Promise<readonly ToldFamily[]>,
): MetricsText {
  return {
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    text: async () => {
      const families = await tell();
      const registry = new Registry();
      for (const family of families) {
        // The library would say 0 where there is no figure.
        if (family.samples.length > 0) register(registry, family);
      }
      return registry.metrics();
    },
  };
}

function register(registry: Registry, family: ToldFamily): void {
  const { name, help, labels: labelNames } = family;
  const configuration = { name, help, labelNames, registers: [registry] };
  switch (family.kind) {
    case "gauge": {
      const gauge = new Gauge(configuration);
      for (const { labels, value } of family.samples) gauge.set(labels, value);
      break;
    }
    case "counter": {
      const counter = new Counter(configuration);
      for (const { labels, value } of family.samples) counter.inc(labels, value);
      break;
    }
    case "histogram":
      registry.registerMetric(new ToldHistogramText(family));
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

/** The library's own histograms count by themselves; this one has what was counted elsewhere. */
class ToldHistogramText extends Histogram {
  readonly #family: ToldHistogram;

  constructor(family: ToldHistogram) {
    const { name, help, labels } = family;
    super({ name, help, labelNames: labels, registers: [] });
    this.#family = family;
  }

  /** What the library makes text, and everything else, of; not in its types. */
  async getForPromString(): Promise<HistogramText> {
    const { name, help, samples } = this.#family;
    return {
      name,
      help,
      type: "histogram",
      values: samples.flatMap((one) => seriesValues(name, one)),
    };
  }
}

function seriesValues(
  name: string,
  { labels, value }: MetricSample<DurationSeries>,
): HistogramValue[] {
  let cumulative = 0;
  const buckets = value.counts.map((count, index) => {
    cumulative += count;
    const le = DURATION_BOUNDS_S[index] ?? "+Inf";
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: cumulative };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: value.sumSeconds },
    { metricName: `${name}_count`, labels, value: value.count },
  ];
}
