/**
 * What a channel needs from the world around it: the dispatcher, or a test.
 */
import type { WorkerChannel } from "./channel.ts";
import type { Job, JobTable } from "./job.ts";
import type { WorkerReport } from "./worker-report.ts";

export interface ChannelOwner {
  readonly jobs: JobTable;
  /** Milliseconds, monotonic; may be as old as the last turn. */
  readonly nowMs: number;
  /** Calls `flush` once at the end of this turn. */
  scheduleFlush(channel: WorkerChannel): void;
  /** A channel that had more to send than its worker took has sent it. */
  onRoom(): void;
  /** The worker's first frame: it can be sent requests. */
  onReady(channel: WorkerChannel, pid: number): void;
  /** One request fewer is under way; `elapsedUs` is the application's time for it. */
  onAnswered(channel: WorkerChannel, elapsedUs: number): void;
  /** So many requests have been sent to it as its settings ask to be told of. */
  onRequestsReached(channel: WorkerChannel): void;
  /** A request of a client has failed: the answer is 5xx, or it took too long. */
  onRequestFailed(channel: WorkerChannel, job: Job): void;
  onReport(channel: WorkerChannel, report: WorkerReport): void;
  /**
   * The stream is closed. `unanswered` are the requests under way, oldest first; only the first can
   * have begun to be answered, and the last `unreadCount` were not taken in by the worker.
   */
  onChannelClosed(
    channel: WorkerChannel,
    unanswered: readonly Job[],
    unreadCount: number,
    error: Error | null,
  ): void;
}
