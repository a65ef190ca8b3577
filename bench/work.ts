/**
 * What a record of the table says: a kind of work, who takes part in it and with which settings,
 * the load, and what Portico wants to reach.
 *
 * Types only. The records are in `bench/works/`.
 */
import type { Entrant } from "./entrants.ts";
import type { Goal } from "./goals.ts";
import type { Metric } from "./metrics.ts";

/** Requests by wrk, as fast as they are answered, on connections that the server may keep. */
export interface WrkLoad {
  readonly kind: "wrk";
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** Content of each request, which is a POST then; null for a GET. */
  readonly bodyBytes: number | null;
  /** Which way the bytes go that CPU per byte is about; null where it is about requests. */
  readonly bytesIn: "requests" | "responses" | null;
}

/**
 * Requests that come by chance at a fixed rate, whether earlier ones were answered or not. The
 * latencies are those of the quick ones alone.
 */
export interface ArrivalsLoad {
  readonly kind: "arrivals";
  readonly quickPath: string;
  readonly slowPath: string;
  /** Of how many requests one is slow. */
  readonly slowOneIn: number;
  readonly requestsPerSecond: number;
  readonly seconds: number;
}

/** No load: the server is started, asked until it answers, and stopped. */
export interface StartLoad {
  readonly kind: "start";
}

export type Load = WrkLoad | ArrivalsLoad | StartLoad;

export interface Work {
  /** As `--work` has it. */
  readonly name: string;
  /** What is done, in a sentence. */
  readonly about: string;
  /** Whether `--quick` measures it. */
  readonly isMain: boolean;
  /** The module in `bench/applications/`; its application is called `app`. */
  readonly module: string;
  readonly load: Load;
  /**
   * Whether each turn has a server that was started for it, alone on the machine; else they are
   * kept through all rounds, warm, and those that have no turn wait.
   */
  readonly isStartedAnew: boolean;
  readonly entrants: readonly Entrant[];
  /** The table's columns; the first is what the work is about. */
  readonly metrics: readonly [Metric, ...Metric[]];
  readonly goals: readonly Goal[];
}
