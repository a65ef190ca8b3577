/**
 * The metrics of the server itself: its connections, its queue, its workers, the code that it
 * serves. Holds no figures.
 */
import type { GatewayStatus } from "../gateway-status.ts";
import {
  byLabel,
  type MetricFamily,
  type NumberFamily,
  optional,
  single,
} from "./metric-family.ts";
import type { AcceptQueueFigures } from "./metrics-source.ts";

const MS_PER_S = 1_000;

const CONNECTIONS: readonly MetricFamily[] = [
  byLabel(
    "gauge",
    "sum",
    "portico_connections",
    "Open connections, by what they wait for",
    "phase",
    (reading) => reading.connections,
  ),
  byLabel(
    "gauge",
    // Each has a queue of its own; where all share one, each sees all of it.
    "each",
    "portico_accept_queue_connections",
    "Connections in the kernel that wait to be accepted",
    "address",
    (reading) => byAddress(reading.acceptQueues, ({ queued }) => queued),
  ),
  byLabel(
    "gauge",
    "each",
    "portico_accept_queue_connections_max",
    "Connections beyond which the kernel drops what comes: the backlog, as it has it",
    "address",
    (reading) => byAddress(reading.acceptQueues, ({ queuedMax }) => queuedMax),
  ),
];

const WORKERS: readonly MetricFamily[] = [
  single("gauge", "sum", "portico_queue_requests", "Requests that wait for a worker", (reading) => {
    return reading.status.queue.waiting;
  }),
  single(
    "gauge",
    "maximum",
    "portico_queue_oldest_seconds",
    "How long the oldest of them has waited",
    (reading) => reading.status.queue.oldestMs / MS_PER_S,
  ),
  byLabel("gauge", "sum", "portico_workers", "Workers, by their state", "state", (reading) =>
    workersByState(reading.status),
  ),
  single("gauge", "sum", "portico_workers_busy", "Workers that have a request", (reading) => {
    return workersOf(reading.status).filter(({ busy }) => busy.length > 0).length;
  }),
  single("gauge", "sum", "portico_workers_wanted", "Workers that there are to be", (reading) => {
    return reading.status.workers.target;
  }),
  byLabel(
    "counter",
    "sum",
    "portico_worker_restarts_total",
    "Workers that ended and whose place another took, by why",
    "reason",
    (reading) => reading.restarts,
  ),
];

const CODE: readonly MetricFamily[] = [
  single(
    "gauge",
    "maximum",
    "portico_generation",
    "Number of the import of the code that serves; 0 where none does",
    (reading) => reading.status.generations.find(({ state }) => state === "serving")?.number ?? 0,
  ),
  byLabel(
    "counter",
    // All reload together, and each counts it.
    "maximum",
    "portico_reloads_total",
    "Reloads, by what came of them; one that was taken back had been serving before",
    "outcome",
    (reading) => reading.reloads,
  ),
];

export const RESIDENT_MEMORY: NumberFamily = byLabel(
  "gauge",
  "sum",
  "portico_resident_memory_bytes",
  "Memory of the processes of a kind, shared pages counted in each",
  "process",
  (reading) => {
    const { gateway, zygotes, workers } = reading.residentMemory;
    return { gateway, zygote: zygotes, worker: workers };
  },
);

export const CPU_TIME: NumberFamily = byLabel(
  "counter",
  "sum",
  "portico_cpu_seconds_total",
  "CPU time that the processes of a kind have used, those that have ended included",
  "process",
  ({ cpuTime: { gateway, zygotes, workers } }) => ({
    gateway: gateway / MS_PER_S,
    zygote: zygotes === null ? null : zygotes / MS_PER_S,
    worker: workers === null ? null : workers / MS_PER_S,
  }),
);

const DESCRIPTORS: readonly MetricFamily[] = [
  optional(
    "gauge",
    "each",
    "portico_descriptors",
    "Descriptors that are open in the gateway; each connection is one",
    ({ descriptors }) => descriptors.used,
  ),
  optional(
    "gauge",
    "each",
    "portico_descriptors_max",
    "Descriptors that the gateway may open: its limit of RLIMIT_NOFILE",
    ({ descriptors }) => descriptors.limit,
  ),
];

export const START_TIME: NumberFamily = single(
  "gauge",
  "each",
  "portico_start_time_seconds",
  "When the gateway started, since the epoch",
  (reading) => reading.status.startedAtMs / MS_PER_S,
);

const PROCESSES: readonly MetricFamily[] = [
  RESIDENT_MEMORY,
  CPU_TIME,
  ...DESCRIPTORS,
  {
    kind: "histogram",
    // Of several loops each has its own troubles, which a sum would hide.
    combined: "each",
    name: "portico_event_loop_delay_seconds",
    help: "How late the gateway comes to what is due, looked at 20 times a second",
    labels: [],
    read: (reading) => [{ labels: {}, value: reading.eventLoopDelay }],
  },
  START_TIME,
  {
    kind: "gauge",
    combined: "maximum",
    name: "portico_build_info",
    help: "What serves; always 1",
    labels: ["version", "node"],
    read: (reading) => [
      { labels: { version: reading.status.version, node: process.versions.node }, value: 1 },
    ],
  },
];

export const PROCESS_METRICS: readonly MetricFamily[] = [
  ...CONNECTIONS,
  ...WORKERS,
  ...CODE,
  ...PROCESSES,
];

/** Each state that there can be to look at, whether a worker is in it or not. */
function workersByState(status: GatewayStatus): Record<string, number> {
  const counts: Record<string, number> = { starting: 0, ready: 0, leaving: 0, ending: 0 };
  for (const { state } of workersOf(status)) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

function workersOf(status: GatewayStatus): GatewayStatus["generations"][number]["workers"] {
  return status.generations.flatMap(({ workers }) => workers);
}

function byAddress(
  queues: readonly AcceptQueueFigures[],
  figure: (queue: AcceptQueueFigures) => number | null,
): Record<string, number | null> {
  return Object.fromEntries(queues.map((queue) => [queue.address, figure(queue)]));
}
