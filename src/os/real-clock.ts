/**
 * The clock of the machine. Whoever keeps deadlines is given a `Clock`, which may be a patient one;
 * this one is named by the start of the program, and where the machine itself is measured.
 */
import type { Clock } from "../base/clock.ts";

export const realClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
};
