/**
 * What a load's processes say to each other, over the channel that Node makes between a parent and
 * its child. Plain data.
 */
import type { CpuTime } from "./load-party.ts";
import type { LoadPlan } from "./load-plan.ts";
import type { LoadProgress, Opening } from "./load-run.ts";
import type { MeasurementsData } from "./measurements.ts";

/** From the parent. */
export type LoadOrder =
  | { readonly kind: "open"; readonly plan: LoadPlan }
  | { readonly kind: "start" }
  | { readonly kind: "stop" };

/** From a child. */
export type LoadNews =
  | { readonly kind: "opened"; readonly opening: Opening }
  | { readonly kind: "progress"; readonly progress: LoadProgress }
  | {
      readonly kind: "ended";
      readonly measurements: MeasurementsData;
      readonly windowMs: number;
      readonly cpu: CpuTime;
    };
