/**
 * The states of a worker as the gateway sees it, and the one table of how it gets from one to the
 * next.
 */
import { invariant } from "../base/errors.ts";

export type WorkerState = "starting" | "ready" | "ending" | "exited";

export type WorkerEvent =
  /** Its first frame came: the application is loaded and requests are welcome. */
  | "said-ready"
  /** It gets no more requests: asked to end, hung, or its channel closed. */
  | "taken-out"
  /** Its parent reaped it, or it was never born. */
  | "reaped";

const TRANSITIONS: Readonly<
  Record<WorkerState, Readonly<Record<WorkerEvent, WorkerState | null>>>
> = {
  starting: { "said-ready": "ready", "taken-out": "ending", reaped: "exited" },
  ready: { "said-ready": null, "taken-out": "ending", reaped: "exited" },
  // A worker that was told to end while it was starting may still say that it is ready.
  ending: { "said-ready": "ending", "taken-out": "ending", reaped: "exited" },
  exited: { "said-ready": null, "taken-out": "exited", reaped: null },
};

/**
 * @throws where the event is impossible in that state: the gateway's own mistake, or a worker that
 * cannot be trusted
 */
export function nextWorkerState(state: WorkerState, event: WorkerEvent): WorkerState {
  const next = TRANSITIONS[state][event];
  invariant(next !== null, `a worker that is ${state} cannot be ${event}`);
  return next;
}
