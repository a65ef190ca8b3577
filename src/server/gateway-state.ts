/**
 * The states of the gateway, and the one table of how it gets from one to the next.
 * `docs/states.md` is drawn from it.
 */
import { invariant } from "../base/errors.ts";

export type GatewayState =
  /** It has bound its sockets and waits for the application. */
  | "starting"
  /** It accepts connections and answers. */
  | "serving"
  /** It says that it is not ready, and still serves everybody: `--drain-delay`. */
  | "leaving"
  /** It accepts nothing new, and finishes what it has: `--graceful-timeout`. */
  | "draining"
  /** Its sockets are closed and its processes gone. */
  | "stopped";

export type GatewayEvent =
  /** The application's workers are ready, and accepting has begun. */
  | "started"
  /** Somebody asked it to stop, or somebody else has taken its sockets over. */
  | "stop-asked"
  /** Those who send it requests have had the time to hear of it. */
  | "delay-over"
  /** Everything that was accepted has been answered. */
  | "drained"
  /** Everything is to end at once. */
  | "hurried";

export const GATEWAY_TRANSITIONS: Readonly<
  Record<GatewayState, Readonly<Record<GatewayEvent, GatewayState | null>>>
> = {
  starting: {
    started: "serving",
    "stop-asked": "leaving",
    "delay-over": null,
    drained: null,
    hurried: "stopped",
  },
  serving: {
    started: null,
    "stop-asked": "leaving",
    "delay-over": null,
    drained: null,
    hurried: "stopped",
  },
  // It says that it is not ready, and serves everybody who comes all the same.
  leaving: {
    started: null,
    "stop-asked": "leaving",
    "delay-over": "draining",
    drained: null,
    hurried: "stopped",
  },
  draining: {
    started: null,
    "stop-asked": "draining",
    "delay-over": null,
    drained: "stopped",
    hurried: "stopped",
  },
  stopped: {
    started: null,
    "stop-asked": "stopped",
    "delay-over": null,
    drained: null,
    hurried: "stopped",
  },
};

/**
 * @throws where the event is impossible in that state: the gateway's own mistake
 */
export function nextGatewayState(state: GatewayState, event: GatewayEvent): GatewayState {
  const next = GATEWAY_TRANSITIONS[state][event];
  invariant(next !== null, `a gateway that is ${state} cannot be ${event}`);
  return next;
}
