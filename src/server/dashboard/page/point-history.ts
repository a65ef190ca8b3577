/**
 * The seconds of the last ten minutes, put together from what comes in. Pure.
 */
import type { TrafficPoint } from "../../observation/snapshot.ts";

const SPAN_MS = 600_000;

export class PointHistory {
  /** The oldest first. */
  points: readonly TrafficPoint[] = [];
  /** Answers of 500 and more in all of them. */
  serverErrors = 0;

  /** @param added the oldest first; a second that is here already counts as it comes now */
  add(added: readonly TrafficPoint[]): void {
    const [first, last] = [added[0], added.at(-1)];
    if (first === undefined || last === undefined) return;
    const before = this.points.filter(
      ({ atMs }) => atMs < first.atMs && atMs > last.atMs - SPAN_MS,
    );
    const kept = added.filter(({ atMs }) => atMs > last.atMs - SPAN_MS);
    this.points = [...before, ...kept];
    this.serverErrors = this.points.reduce((sum, { serverErrors }) => sum + serverErrors, 0);
  }
}
