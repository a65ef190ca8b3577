/**
 * Which branches of the program have run, as V8 counts them in this process
 * (`Profiler.takePreciseCoverage`). A look costs milliseconds, so whoever uses this runs many inputs
 * between two looks.
 */
import { type Profiler, Session } from "node:inspector";

const COUNTED = /\/src\/(?:http1?|server|net\/proxy)/;

export class BranchCoverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  /** Begins to count. Code is slower from now on. */
  start(): void {
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  stop(): void {
    this.#session.post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  /** Branches that have run so far. */
  get count(): number {
    return this.#seen.size;
  }

  /**
   * Takes note of what ran since the last look.
   *
   * @returns how many branches had never run before
   */
  look(): number {
    const before = this.#seen.size;
    for (const { url, functions } of this.#take()) {
      if (!COUNTED.test(url)) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count === 0) continue;
          this.#seen.add(`${url}:${startOffset}-${endOffset}`);
        }
      }
    }
    return this.#seen.size - before;
  }

  #take(): Profiler.ScriptCoverage[] {
    let taken: Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, { result }) => {
      if (error === null) taken = result;
    });
    return taken;
  }
}
