/**
 * What a channel is told of its worker when it is made.
 */
import type { OpenProgress } from "./worker-progress.ts";

/** Shared by the channels of one worker; each counts itself in while it has something to do. */
export interface WorkerLoad {
  busyChannels: number;
}

export interface ChannelSettings {
  readonly load: WorkerLoad;
  /** Number of the generation that its worker belongs to. */
  readonly generation: number;
  /** Requests that it may have under way at once; null where that is learnt. */
  readonly depthMax: number | null;
  /** Requests in all its life; the channel ends behind the last one's answer. null: no bound. */
  readonly requestsMax: number | null;
  /** After so many requests, probes left out, `onRequestsReached` is told, once; null: never. */
  readonly recycleAfter: number | null;
  readonly openProgress: OpenProgress;
}
