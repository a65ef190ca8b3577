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

  /** The branches that ran since the last look, and never before. */
  newBranches(): Set<string> {
    const fresh = [...this.branches()].filter((branch) => !this.#seen.has(branch));
    for (const branch of fresh) this.#seen.add(branch);
    return new Set(fresh);
  }

  /** The branches that ran since the last look. */
  branches(): Set<string> {
    const ran = new Set<string>();
    for (const { url, functions } of this.#take()) {
      if (!COUNTED.test(url)) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) ran.add(`${url}:${startOffset}-${endOffset}`);
        }
      }
    }
    return ran;
  }

  #take(): Profiler.ScriptCoverage[] {
    let taken: Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, { result }) => {
      if (error === null) taken = result;
    });
    return taken;
  }
}
