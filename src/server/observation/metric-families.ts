/**
 * All metrics of a gateway, in the order in which they are shown.
 */
import { type MetricFamily, tell, type ToldFamily } from "./metric-family.ts";
import type { MetricsSource } from "./metrics-source.ts";
import { PROCESS_METRICS } from "./process-metrics.ts";
import { trafficMetrics } from "./traffic-metrics.ts";

export function metricFamilies({ routes }: MetricsSource): readonly MetricFamily[] {
  return [...trafficMetrics(routes.length > 1), ...PROCESS_METRICS];
}

/**
 * All figures, read at one moment. So many at most as routes, methods, states and the like allow:
 * 1700 with 50 routes, besides those of listening sockets.
 */
export function tellAll(source: MetricsSource): ToldFamily[] {
  const reading = source.read();
  return metricFamilies(source).map((family) => tell(family, reading));
}
