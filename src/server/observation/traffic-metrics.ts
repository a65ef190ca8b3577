/**
 * The metrics of requests: how many, how long, how large, and why they failed. Holds no figures.
 */
import type { DurationHistogram } from "./duration-histogram.ts";
import type { ExchangeStatistics } from "./exchange-statistics.ts";
import { byLabel, type MetricFamily, type MetricLabels, single } from "./metric-family.ts";

const WITHOUT_ROUTES: readonly MetricFamily[] = [
  single(
    "counter",
    "sum",
    "portico_http_request_content_bytes_total",
    "Content of requests that were handed to the application, without heads and framing",
    ({ statistics }) => statistics.requestContentBytes,
  ),
  single(
    "counter",
    "sum",
    "portico_http_response_content_bytes_total",
    "Content of answers that was sent, without heads and framing",
    ({ statistics }) => statistics.responseContentBytes,
  ),
  byLabel(
    "counter",
    "sum",
    "portico_http_server_errors_total",
    "Answers of 500 and above, by who meant them or what was in their way",
    "cause",
    ({ statistics }) =>
      Object.fromEntries(statistics.serverErrors().map(({ cause, count }) => [cause, count])),
  ),
  single(
    "counter",
    "sum",
    "portico_http_request_retries_total",
    "Requests that were run again because a worker died under them",
    ({ statistics }) => statistics.retries,
  ),
  single(
    "counter",
    "sum",
    "portico_http_client_aborts_total",
    "Requests whose connection ended before their answer began",
    ({ statistics }) => statistics.clientAborts,
  ),
];

/** @param hasRoutes whether routes were named: else there is no label that says `other` always */
export function trafficMetrics(hasRoutes: boolean): readonly MetricFamily[] {
  const routed = (route: string): MetricLabels => (hasRoutes ? { route } : {});
  const routeLabels = hasRoutes ? ["route"] : [];
  const durations = (
    name: `portico_http_request_${string}_seconds`,
    help: string,
    of: (statistics: ExchangeStatistics) => DurationHistogram,
  ): MetricFamily => ({
    kind: "histogram",
    combined: "sum",
    name,
    help,
    labels: routeLabels,
    read: ({ statistics }) =>
      statistics.routes.names.map((route, row) => ({
        labels: routed(route),
        value: of(statistics).series(row),
      })),
  });
  return [
    {
      kind: "counter",
      combined: "sum",
      name: "portico_http_requests_total",
      help: "Requests that have come to their end",
      labels: ["method", "status_class", ...routeLabels],
      read: ({ statistics }) =>
        statistics.requests().map(({ route, method, statusClass, count }) => ({
          labels: { method, status_class: statusClass, ...routed(route) },
          value: count,
        })),
    },
    durations(
      "portico_http_request_duration_seconds",
      "From a request's first byte to its answer's last",
      ({ duration }) => duration,
    ),
    durations(
      "portico_http_request_queue_seconds",
      "Time in which a request waited for a worker, or behind others of that worker",
      ({ queueTime }) => queueTime,
    ),
    durations(
      "portico_http_request_application_seconds",
      "Time that the application took for a request, as its worker tells",
      ({ applicationTime }) => applicationTime,
    ),
    ...WITHOUT_ROUTES,
  ];
}
