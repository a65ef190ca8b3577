/**
 * Whoever carries a load out: this process (`local-party.ts`), or several (`forked-party.ts`).
 */
import type { LoadProgress, Opening } from "./load-run.ts";
import type { Measurements } from "./measurements.ts";

export interface PartyResult {
  readonly measurements: Measurements;
  /** How long requests were sent. */
  readonly windowMs: number;
  /** Used from the start to the last answer, by all processes of the load together. */
  readonly cpu: CpuTime;
  /** Processes that ended before they had told; what they did is not known. */
  readonly lostProcesses: number;
}

export interface CpuTime {
  readonly userMs: number;
  readonly systemMs: number;
}

/** Opened once, started once. */
export interface LoadParty {
  open(): Promise<Opening>;
  start(): Promise<PartyResult>;
  /** Ends it now; `start` is settled with what there is. */
  stop(): void;
  progress(): LoadProgress;
  /** Leaves nothing open. Idempotent. */
  close(): void;
}
