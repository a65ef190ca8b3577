/**
 * What can be told of the workers, as plain data: for `portico status`, and for whoever looks from
 * outside. Times ago are in milliseconds, times of day in milliseconds since 1970-01-01T00:00:00Z.
 *
 * Text in it may come from a client (request lines) or from the application (why it failed):
 * whoever prints it escapes it.
 */
import type { GenerationState } from "./generation-state.ts";
import type { QueueWait } from "./queue-wait.ts";
import type { WorkerRange } from "./worker-scaling.ts";
import type { WorkerState } from "./worker-state.ts";

export interface SupervisorStatus {
  readonly queue: QueueStatus;
  readonly workers: WorkerRange & { readonly target: number };
  /** The oldest one first; those that have ended are left out. */
  readonly generations: readonly GenerationStatus[];
  /** null where there was none. */
  readonly lastReload: ReloadStatus | null;
}

export interface QueueStatus {
  /** Requests that wait for a worker now, and how long the oldest of them has. */
  readonly waiting: number;
  readonly oldestMs: number;
  /** Of the last minute. */
  readonly wait: QueueWait;
}

export interface GenerationStatus {
  readonly number: number;
  /** Of the gateway whose it is, where there are several. */
  readonly gatewayPid?: number;
  readonly state: GenerationState;
  readonly zygotePid: number | null;
  /** null before the code is imported, and where there is none. */
  readonly guardianPid: number | null;
  readonly workers: readonly WorkerStatus[];
  /** Requests that have come to their end; of these, 5xx and those that got no answer. */
  readonly answered: number;
  readonly failed: number;
  /** Workers that ended by themselves. */
  readonly crashes: number;
}

export interface WorkerStatus {
  readonly number: number;
  readonly pid: number | null;
  readonly state: WorkerState;
  readonly ageMs: number;
  /** Requests that it was given since it was made. */
  readonly requests: number;
  /** null where the system does not tell. */
  readonly rssBytes: number | null;
  readonly busy: readonly BusyStatus[];
}

/** A request that a worker has. */
export interface BusyStatus {
  readonly request: string;
  readonly requestId: string;
  readonly ageMs: number;
}

export interface ReloadStatus {
  readonly atMs: number;
  readonly generation: number;
  /** `rolled-back`: it served, failed where the one before did not, and that one serves again. */
  readonly outcome: "serving" | "failed" | "rolled-back";
  /** null where it serves. */
  readonly why: string | null;
  /** A traceback; null where there is none. */
  readonly details: string | null;
}

/** Something that has happened to the workers, as opposed to one request. */
export interface SupervisorChange {
  readonly kind: "reload" | "rollback" | "reload-failed" | "scale" | "worker-lost";
  /** One line for a person. */
  readonly text: string;
}

/** What a reload came to. */
export type ReloadOutcome =
  | { readonly kind: "serving"; readonly generation: number }
  | {
      readonly kind: "failed";
      readonly generation: number;
      readonly why: string;
      readonly details: string | null;
    }
  /** The gateway is being stopped. */
  | { readonly kind: "stopping" };
