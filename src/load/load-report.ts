/**
 * What a load came to, as plain data: for `--json`, and for the text of `report-text.ts`.
 */
import type { LatencyBar, LatencySummary } from "./latency-histogram.ts";
import type { PartyResult } from "./load-party.ts";
import { FAILURE_KIND_NAMES, type FailureKind } from "./request-failure.ts";

/** The load that was asked for, in the words of who asked. */
export interface LoadFacts {
  readonly url: string;
  /** Where the connections went: `127.0.0.1:8000`, `unix:/run/shop.sock`. */
  readonly address: string;
  readonly method: string;
  readonly connections: number;
  readonly processes: number;
  readonly ratePerSecond: number | null;
  readonly keepAlive: boolean;
  /** It was ended by hand. */
  readonly interrupted: boolean;
}

export interface LoadReport<Server> extends LoadFacts {
  /** How long requests were sent. */
  readonly seconds: number;
  readonly requests: {
    readonly begun: number;
    readonly answered: number;
    readonly failed: number;
    readonly cutOff: number;
    readonly notBegun: number;
  };
  /** Whole answers that came while requests were sent, in a second of that. */
  readonly requestsPerSecond: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Only those that occurred. */
  readonly failures: Readonly<Partial<Record<FailureKind, number>>>;
  /** Of each kind that occurred, the first in the words of the system. */
  readonly examples: Readonly<Partial<Record<FailureKind, string>>>;
  readonly bytes: {
    readonly sent: number;
    readonly received: number;
    readonly contents: number;
  };
  readonly connectionEvents: {
    readonly opened: number;
    readonly closedIdle: number;
    readonly unsolicited: number;
  };
  readonly interim: number;
  /** null where nothing was answered. */
  readonly latency: LatencySummary | null;
  readonly serviceTime: LatencySummary | null;
  /** How the latencies are spread. */
  readonly bars: readonly LatencyBar[];
  /** The latencies as an HdrHistogram (V2, compressed, base64), in microseconds. */
  readonly histogram: string;
  readonly client: {
    readonly cpuUserMs: number;
    readonly cpuSystemMs: number;
    /** Of one CPU, by one process on average. */
    readonly cpuShare: number;
    readonly lostProcesses: number;
  };
  /** The Server field of the first answer; null where there was none. */
  readonly serverField: string | null;
  /** What the server knows of itself; null where it cannot be asked. */
  readonly server: Server | null;
}

const MS_PER_SECOND = 1_000;

export function loadReport<Server>(
  facts: LoadFacts,
  { measurements, windowMs, cpu, lostProcesses }: PartyResult,
  server: Server | null,
): LoadReport<Server> {
  const { counters, failures } = measurements;
  const seconds = windowMs / MS_PER_SECOND;
  const perSecond = (count: number): number => (seconds > 0 ? count / seconds : 0);
  const occurred = FAILURE_KIND_NAMES.filter((kind) => failures[kind] > 0);
  const cpuMs = cpu.userMs + cpu.systemMs;
  return {
    ...facts,
    seconds,
    requests: {
      begun: counters.begun,
      answered: counters.answered,
      failed: measurements.failed,
      cutOff: counters.cutOff,
      notBegun: counters.notBegun,
    },
    requestsPerSecond: perSecond(counters.answeredInWindow),
    statuses: Object.fromEntries([...measurements.statuses].toSorted(([a], [b]) => a - b)),
    failures: Object.fromEntries(occurred.map((kind) => [kind, failures[kind]])),
    examples: measurements.examples,
    bytes: {
      sent: counters.sentBytes,
      received: counters.receivedBytes,
      contents: counters.contentBytes,
    },
    connectionEvents: {
      opened: counters.connected,
      closedIdle: counters.closedIdle,
      unsolicited: counters.unsolicited,
    },
    interim: counters.interim,
    latency: measurements.latency.summary(),
    serviceTime: measurements.serviceTime.summary(),
    bars: measurements.latency.bars(),
    histogram: measurements.latency.encode(),
    client: {
      cpuUserMs: Math.round(cpu.userMs),
      cpuSystemMs: Math.round(cpu.systemMs),
      cpuShare: windowMs > 0 ? cpuMs / windowMs / facts.processes : 0,
      lostProcesses,
    },
    serverField: measurements.server,
    server,
  };
}
