/**
 * What part of a number that was given for the whole program each gateway gets. Pure.
 */
import type { WorkerRange } from "../../workers/worker-scaling.ts";

/**
 * The workers of one gateway. Together they are as many as were asked for; where that number cannot
 * be divided, the first gateways have one more.
 *
 * @param range each end at least `gateways`
 * @param index from 0
 */
export function workerShare(range: WorkerRange, gateways: number, index: number): WorkerRange {
  return { min: part(range.min, gateways, index), max: part(range.max, gateways, index) };
}

/** A bound for one gateway, so that all together keep it; rounded up, and null for none. */
export function boundShare<Bound extends number | null>(bound: Bound, gateways: number): Bound {
  return (bound === null ? null : Math.ceil(bound / gateways)) as Bound;
}

function part(whole: number, gateways: number, index: number): number {
  return Math.floor(whole / gateways) + (index < whole % gateways ? 1 : 0);
}
