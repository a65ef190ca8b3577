/**
 * Which branches of the program have run, as V8 counts them in this process
 * (`Profiler.takePreciseCoverage`). A look costs milliseconds, so whoever uses this runs many
 * inputs between two looks.
 */
import { type Profiler, Session } from "node:inspector";

/** A place in a script at which code begins that can run or not. */
export interface Branch {
  readonly script: string;
  readonly at: number;
}

/** Stands for 1 while the branches of one look are counted. */
const NEW = 2;
const COUNTED = /\/src\/(?:http1?|server|net\/proxy)/;

/** For each script its characters: 1 where the code has run. */
type RunCode = Map<string, Uint8Array>;

export class BranchCoverage {
  readonly #session = new Session();
  readonly #everRun: RunCode = new Map();
  /** Branches that have run so far. */
  count = 0;

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

  /** The branches that ran since the last look, and never before; by where they begin. */
  newBranches(): Branch[] {
    const branches: Branch[] = [];
    for (const [script, run] of this.#take()) {
      const before = this.#everRun.get(script) ?? new Uint8Array(run.length);
      this.#everRun.set(script, before);
      for (let at = 0; at < run.length; at++) {
        const isNew = run[at] === 1 && before[at] === 0;
        if (isNew && (at === 0 || run[at - 1] === 0 || before[at - 1] !== NEW)) {
          branches.push({ script, at });
        }
        if (isNew) before[at] = NEW;
      }
      for (let at = 0; at < run.length; at++) if (before[at] === NEW) before[at] = 1;
    }
    this.count += branches.length;
    return branches;
  }

  /** Those of the branches that did not run since the last look. */
  without(branches: readonly Branch[]): Branch[] {
    const taken = this.#take();
    return branches.filter(({ script, at }) => taken.get(script)?.[at] !== 1);
  }

  #take(): RunCode {
    let scripts: Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, { result }) => {
      if (error === null) scripts = result;
    });
    const code: RunCode = new Map();
    for (const { url, functions } of scripts) {
      if (COUNTED.test(url)) code.set(url, runCodeOf(functions));
    }
    return code;
  }
}

/** Ranges come from the outer ones to the inner ones, and each says what its outer one did not. */
function runCodeOf(functions: readonly Profiler.FunctionCoverage[]): Uint8Array {
  const ranges = functions.flatMap((one) => one.ranges);
  const run = new Uint8Array(Math.max(...ranges.map(({ endOffset }) => endOffset)));
  for (const { startOffset, endOffset, count } of ranges) {
    run.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  }
  return run;
}
