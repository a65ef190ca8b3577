/**
 * The clock of the machine. Whoever needs time is given a `Clock`; only the start of the program
 * names this one.
 */
import type { Clock } from "../base/clock.ts";

export const realClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
};
