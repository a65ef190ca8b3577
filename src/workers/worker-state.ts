/**
 * The states of a worker as the gateway sees it, and the one table of how it gets from one to the
 * next. `docs/states.md` is drawn from it.
 */
import { invariant } from "../base/errors.ts";

export type WorkerState =
  /** Its zygote was asked to fork it. */
  | "starting"
  /** It takes requests. */
  | "ready"
  /** It takes requests until another one is ready in its place. */
  | "leaving"
  /** It gets no more requests, and finishes what it holds. */
  | "ending"
  /** It is gone, and nothing is left to reap. */
  | "exited";

export type WorkerEvent =
  /** The first frame came on each of its channels: requests are welcome. */
  | "said-ready"
  /** It has served its time or its share, or grown too large: another is to take its place. */
  | "outlived"
  /** It gets no more requests: asked to end, hung, or a channel of it closed. */
  | "taken-out"
  /** Its parent reaped it, or it was never born. */
  | "reaped";

export const WORKER_TRANSITIONS: Readonly<
  Record<WorkerState, Readonly<Record<WorkerEvent, WorkerState | null>>>
> = {
  starting: { "said-ready": "ready", outlived: null, "taken-out": "ending", reaped: "exited" },
  ready: { "said-ready": null, outlived: "leaving", "taken-out": "ending", reaped: "exited" },
  // It goes on taking requests until the one that takes its place is ready.
  leaving: { "said-ready": null, outlived: "leaving", "taken-out": "ending", reaped: "exited" },
  // A worker that was told to end while it was starting may still say that it is ready.
  ending: { "said-ready": "ending", outlived: "ending", "taken-out": "ending", reaped: "exited" },
  // What it had said before is read behind the news of its end.
  exited: { "said-ready": "exited", outlived: "exited", "taken-out": "exited", reaped: null },
};

/**
 * @throws where the event is impossible in that state: the gateway's own mistake, or a worker that
 * cannot be trusted
 */
export function nextWorkerState(state: WorkerState, event: WorkerEvent): WorkerState {
  const next = WORKER_TRANSITIONS[state][event];
  invariant(next !== null, `a worker that is ${state} cannot be ${event}`);
  return next;
}
