/**
 * What metrics are made of when somebody asks for them: the gateway, as far as figures go. Holds no
 * logic.
 */
import type { RestartCounts } from "../../workers/worker-end.ts";
import type { ReloadStatus } from "../../workers/supervisor-status.ts";
import type { ConnectionPhase } from "../connection-activity.ts";
import type { GatewayStatus } from "../gateway-status.ts";
import type { DurationSeries } from "./duration-histogram.ts";
import type { ExchangeStatistics } from "./exchange-statistics.ts";

/** A connection that is closed is none. */
export type OpenPhase = Exclude<ConnectionPhase, "closed">;

export type ReloadCounts = Record<ReloadStatus["outcome"], number>;

export interface MetricsSource {
  /** Names of routes whose figures are told apart: one or more. */
  readonly routes: readonly string[];
  /** Made once for each time that somebody asks. */
  read(): MetricsReading;
}

/** Everything at one moment; what is counted is counted since the start. */
export interface MetricsReading {
  readonly statistics: ExchangeStatistics;
  readonly status: GatewayStatus;
  /** Connections that are open, by what they wait for. */
  readonly connections: Readonly<Record<OpenPhase, number>>;
  readonly acceptQueues: readonly AcceptQueueFigures[];
  readonly restarts: Readonly<RestartCounts>;
  readonly reloads: Readonly<ReloadCounts>;
  readonly eventLoopDelay: DurationSeries;
  readonly residentMemory: ResidentMemory;
  readonly cpuTime: CpuTime;
  /** Of the gateway; null where the system does not tell, or has no limit. */
  readonly descriptors: { readonly used: number | null; readonly limit: number | null };
}

/** Of one listening socket. */
export interface AcceptQueueFigures {
  /** As a URL or `unix:/path`. */
  readonly address: string;
  /** Connections that wait to be accepted; null where the kernel does not tell. */
  readonly queued: number | null;
  /** Beyond so many the kernel drops what comes. */
  readonly queuedMax: number;
}

/**
 * In ms, since the gateway's start, those that have ended included; null where the system does not
 * tell.
 */
export interface CpuTime {
  readonly gateway: number;
  readonly zygotes: number | null;
  readonly workers: number | null;
}

/** In bytes, shared pages counted in each process; null where the system does not tell. */
export interface ResidentMemory {
  readonly gateway: number | null;
  readonly zygotes: number | null;
  readonly workers: number | null;
}
