/**
 * `observe` and `stack`: what a terminal view looks at. A client that looks on gets a snapshot at
 * each interval, for as long as it takes them.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Observed, Snapshot, TrafficPoint } from "../observation/snapshot.ts";
import type { CommandEnd, ControlCall } from "./control-commands.ts";

/** What each `progress` of `observe` holds. */
export interface ObservedMoment {
  readonly snapshot: Snapshot;
  /** Seconds that no answer before has held, the oldest first; at first those of ten minutes. */
  readonly history: readonly TrafficPoint[];
}

export const INTERVAL_MIN_MS = 200;
export const INTERVAL_MAX_MS = 60_000;
const INTERVAL_MS = 1_000;
export const SHOWN_MAX = 200;
const SHOWN = 20;
/** Fewer than there may be clients: somebody must be able to reload, or to stop. */
const OBSERVERS_MAX = 8;
/** What a client that takes nothing gets, as one whose terminal is stopped. */
const PATIENCE_MS = 60_000;
const PID_MAX = 2 ** 31 - 1;

export class ObserveCommand {
  readonly #observed: Observed;
  #observers = 0;

  constructor(observed: Observed) {
    this.#observed = observed;
  }

  async run(call: ControlCall): Promise<CommandEnd> {
    const { intervalMs = INTERVAL_MS, shown = SHOWN } = call.arguments;
    if (!isWhole(intervalMs, INTERVAL_MIN_MS, INTERVAL_MAX_MS)) {
      return refused(`intervalMs is a whole number from ${INTERVAL_MIN_MS} to ${INTERVAL_MAX_MS}`);
    }
    if (!isWhole(shown, 0, SHOWN_MAX)) {
      return refused(`shown is a whole number from 0 to ${SHOWN_MAX}`);
    }
    if (this.#observers >= OBSERVERS_MAX) {
      return refused(`${OBSERVERS_MAX} look on already, which is as many as may`);
    }
    this.#observers++;
    try {
      return await this.#observe(intervalMs, shown, call);
    } finally {
      this.#observers--;
    }
  }

  async #observe(
    intervalMs: number,
    shown: number,
    { progress, hasTakenAll, ended }: ControlCall,
  ): Promise<CommandEnd> {
    let toldUntilMs = -Infinity;
    let untakenMs = 0;
    // Who looks on keeps its sending half open: nothing else tells at once that it has left.
    while (!ended.aborted) {
      if (hasTakenAll()) {
        untakenMs = 0;
        const snapshot = await this.#observed.snapshot(shown);
        const history = this.#observed.history().filter(({ atMs }) => atMs > toldUntilMs);
        toldUntilMs = history.at(-1)?.atMs ?? toldUntilMs;
        progress({ snapshot, history } satisfies ObservedMoment);
      } else if (untakenMs >= PATIENCE_MS) {
        break;
      }
      untakenMs += intervalMs;
      await pause(intervalMs, null, { signal: ended, ref: false }).catch(() => null);
    }
    return { answer: { kind: "done", result: null } };
  }
}

export async function stack(
  gateway: Pick<Observed, "stack">,
  call: ControlCall,
): Promise<CommandEnd> {
  const { pid } = call.arguments;
  if (!isWhole(pid, 1, PID_MAX)) return refused("pid is the PID of a worker");
  const result = await gateway.stack(pid);
  if (result.kind === "stack") {
    return { answer: { kind: "done", result: { pid, text: result.text } } };
  }
  return { answer: { kind: "failed", result: { pid }, why: result.why, details: null } };
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
}

function refused(why: string): CommandEnd {
  return { answer: { kind: "refused", why } };
}
