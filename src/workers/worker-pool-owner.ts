/**
 * What a pool of workers needs from the world around it: its generation, or a test.
 */
import type { Job } from "./job.ts";
import type { RestartCause } from "./worker-end.ts";
import type { WorkerHandle } from "./worker-handle.ts";
import type { Zygote } from "./zygote.ts";

export interface WorkerPoolOwner {
  readonly number: number;
  /** null while there is none that can fork. */
  readonly zygote: Zygote | null;
  /** Whether new workers are without traffic. */
  readonly resting: boolean;
  /** Whether it is being made ready: what goes wrong meanwhile is told at once, and in one line. */
  readonly isWarmingUp: boolean;
  /** A worker has not answered: whoever reads the log wants to know where it is. */
  onHungWorker(handle: WorkerHandle, job: Job): void;
  /** All workers that there are to be are ready. */
  onAllReady(): void;
  /** A worker has ended by itself. `how`: "with status 1", "by SIGKILL". */
  onDied(how: string, pid: number | null): void;
  /** A worker is gone whose place another takes. */
  onRestart(cause: RestartCause): void;
  /** The zygote has not said what it should have, unless a worker cannot be ended by anybody. */
  onZygoteSilent(): void;
  /** The last worker of a closed pool is gone. */
  onEmpty(): void;
}
