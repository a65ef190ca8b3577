/**
 * The states of a generation, which is one import of the application's code with its workers, and
 * the one table of how it gets from one to the next. `docs/states.md` is drawn from it.
 */
import { invariant } from "../base/errors.ts";

export type GenerationState =
  /** Its zygote imports the code. */
  | "importing"
  /** Its workers are started, and asked at `--ready-path` where that is given. */
  | "warming"
  /** All of that went well; the traffic is not its yet. */
  | "standing-by"
  /** All new requests are its. */
  | "serving"
  /** A newer one serves; its workers are kept in case that one fails. */
  | "resting"
  /** It gets nothing new, and finishes what it holds, within `--drain-timeout`. */
  | "draining"
  /** Nothing of it is left. */
  | "ended";

export type GenerationEvent =
  /** Its zygote has imported the code. */
  | "imported"
  /** Its workers are ready, and have answered where they are asked. */
  | "warmed"
  /** All new requests are its from now on. */
  | "promoted"
  /** A newer one is served from; it is kept for a while, in case that one fails. */
  | "rested"
  /** It is not needed any more, or was never fit: it finishes what it holds. */
  | "dismissed"
  /** Its zygote has ended, and its workers with it. */
  | "lost"
  /** Nothing of it is left. */
  | "emptied";

export const GENERATION_TRANSITIONS: Readonly<
  Record<GenerationState, Readonly<Record<GenerationEvent, GenerationState | null>>>
> = {
  importing: row({ imported: "warming", dismissed: "draining", lost: "draining" }),
  warming: row({ warmed: "standing-by", dismissed: "draining", lost: "draining" }),
  "standing-by": row({ promoted: "serving", dismissed: "draining", lost: "draining" }),
  // What serves is imported once more by itself: there is nothing else to serve from.
  serving: row({ rested: "resting", dismissed: "draining", lost: "serving" }),
  resting: row({ promoted: "serving", dismissed: "draining", lost: "draining" }),
  draining: row({ dismissed: "draining", lost: "draining", emptied: "ended" }),
  ended: row({ dismissed: "ended", lost: "ended" }),
};

/**
 * @throws where the event is impossible in that state: the gateway's own mistake
 */
export function nextGenerationState(
  state: GenerationState,
  event: GenerationEvent,
): GenerationState {
  const next = GENERATION_TRANSITIONS[state][event];
  invariant(next !== null, `a generation that is ${state} cannot be ${event}`);
  return next;
}

function row(
  possible: Partial<Record<GenerationEvent, GenerationState>>,
): Readonly<Record<GenerationEvent, GenerationState | null>> {
  return {
    imported: null,
    warmed: null,
    promoted: null,
    rested: null,
    dismissed: null,
    lost: null,
    emptied: null,
    ...possible,
  };
}
