/** Readings for tests of metrics: a gateway whose figures are given. */
import type { GatewayStatus } from "../../../src/server/gateway-status.ts";
import { DurationHistogram } from "../../../src/server/observation/duration-histogram.ts";
import { ExchangeRoutes } from "../../../src/server/observation/exchange-routes.ts";
import { ExchangeStatistics } from "../../../src/server/observation/exchange-statistics.ts";
import type {
  MetricsReading,
  MetricsSource,
} from "../../../src/server/observation/metrics-source.ts";
import { noRestarts } from "../../../src/workers/worker-end.ts";

const STATUS: GatewayStatus = {
  version: "1.2.3",
  pid: 4_000,
  application: "site:app",
  startedAtMs: 1_800_000_000_500,
  state: "serving",
  addresses: ["http://127.0.0.1:8000"],
  connections: 3,
  queue: {
    waiting: 2,
    oldestMs: 1_500,
    wait: { count: 0, lastMs: 0, meanMs: 0, maxMs: 0, p50Ms: 0, p99Ms: 0 },
  },
  workers: { min: 1, max: 4, target: 2 },
  generations: [],
  lastReload: null,
};

export function metricsSource(
  values: Partial<MetricsReading> = {},
  routes: ReadonlyMap<string, string> = new Map(),
): MetricsSource & { readonly statistics: ExchangeStatistics } {
  const statistics = new ExchangeStatistics(new ExchangeRoutes(routes));
  return {
    statistics,
    routes: statistics.routes.names,
    read: () => ({
      statistics,
      status: STATUS,
      connections: { "proxy-header": 0, idle: 1, head: 0, content: 0, answer: 2, lingering: 0 },
      acceptQueues: [{ address: "unix:/run/x", queued: null, queuedMax: 2_048 }],
      restarts: { ...noRestarts(), signal: 3 },
      reloads: { serving: 1, failed: 0, "rolled-back": 0 },
      eventLoopDelay: new DurationHistogram(1).series(0),
      residentMemory: { gateway: 1, zygotes: null, workers: 3 },
      cpuTime: { gateway: 1_500, zygotes: null, workers: 20 },
      descriptors: { used: 40, limit: null },
      ...values,
    }),
  };
}
