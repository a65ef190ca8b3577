/**
 * The loop of a fuzz run: inputs from the grammar, and mutations of those that reached branches
 * which none had reached before.
 */
import { BranchCoverage } from "./coverage.ts";
import { Dice } from "./dice.ts";
import { failureOf, keepFailure, kindOf } from "./failures.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { mutate } from "./mutate.ts";

/** Inputs between two looks at the branches. */
const BATCH = 64;
const GENERATED_CHANCE = 0.3;
/** Of the inputs that reached something new; the oldest of them go. */
const CORPUS_MAX = 4_000;
/** Of different kinds; then there is something to repair first. */
const FAILURES_MAX = 20;
/** An input that takes longer hangs, or nearly so. */
const INPUT_MAX_MS = 5_000;

export interface FuzzOptions {
  readonly seed: number;
  /** The run ends with the first of these: an amount of inputs, or of time. */
  readonly inputsMax: number;
  readonly millisecondsMax: number;
  /** Whether branches are looked at; without, nothing is kept, and each input costs less. */
  readonly guided: boolean;
  /** Called about once a minute. */
  readonly onProgress: (progress: FuzzProgress) => void;
}

export interface FuzzProgress {
  readonly target: string;
  readonly inputs: number;
  readonly seconds: number;
  readonly corpus: number;
  readonly branches: number;
  readonly failures: readonly string[];
}

const PROGRESS_INTERVAL_MS = 60_000;

/** One run against one target. */
export class FuzzRun {
  readonly #target: FuzzTarget;
  readonly #options: FuzzOptions;
  readonly #dice: Dice;
  readonly #coverage: BranchCoverage | null;
  readonly #corpus: Buffer[];
  readonly #failures = new Map<string, string>();
  readonly #beganAtMs = performance.now();
  #inputs = 0;

  constructor(target: FuzzTarget, options: FuzzOptions) {
    this.#target = target;
    this.#options = options;
    this.#dice = new Dice(options.seed);
    this.#corpus = target.seeds();
    this.#coverage = options.guided ? new BranchCoverage() : null;
  }

  get progress(): FuzzProgress {
    return {
      target: this.#target.name,
      inputs: this.#inputs,
      seconds: Math.round((performance.now() - this.#beganAtMs) / 1_000),
      corpus: this.#corpus.length,
      branches: this.#coverage?.count ?? 0,
      failures: [...this.#failures.values()],
    };
  }

  /** @returns what was found */
  async run(): Promise<FuzzProgress> {
    const { inputsMax, millisecondsMax, onProgress } = this.#options;
    this.#coverage?.start();
    try {
      await this.#batch(this.#corpus.slice(0, inputsMax));
      this.#coverage?.newBranches();
      let reportedAtMs = performance.now();
      while (this.#inputs < inputsMax && this.#failures.size < FAILURES_MAX) {
        const nowMs = performance.now();
        if (nowMs - this.#beganAtMs >= millisecondsMax) break;
        if (nowMs - reportedAtMs >= PROGRESS_INTERVAL_MS) {
          reportedAtMs = nowMs;
          onProgress(this.progress);
        }
        const count = Math.min(BATCH, inputsMax - this.#inputs);
        const inputs = this.#dice.many(count, () => this.#nextInput());
        await this.#batch(inputs);
        if (this.#coverage === null) continue;
        const branches = this.#coverage.newBranches();
        if (branches.size > 0) await this.#keepNew(this.#coverage, inputs, branches);
      }
    } finally {
      this.#coverage?.stop();
    }
    return this.progress;
  }

  #nextInput(): Buffer {
    const dice = this.#dice;
    if (dice.chance(GENERATED_CHANCE) || this.#corpus.length === 0) {
      return this.#target.generate(dice);
    }
    return mutate(dice, dice.pick(this.#corpus), dice.pick(this.#corpus));
  }

  async #batch(inputs: readonly Buffer[]): Promise<void> {
    for (const input of inputs) {
      this.#inputs++;
      const beganAtMs = performance.now();
      let failure = await failureOf(this.#target, input);
      if (failure === null && performance.now() - beganAtMs > INPUT_MAX_MS) {
        failure = `an input took longer than ${INPUT_MAX_MS} ms`;
      }
      if (failure === null || this.#failures.has(kindOf(failure))) continue;
      this.#failures.set(kindOf(failure), await keepFailure(this.#target, input, failure));
    }
  }

  /** Something in the batch was new: tries each input by itself, and keeps those that bring it. */
  async #keepNew(
    coverage: BranchCoverage,
    inputs: readonly Buffer[],
    branches: ReadonlySet<string>,
  ): Promise<void> {
    const missing = new Set(branches);
    for (const input of inputs) {
      if (missing.size === 0) break;
      await failureOf(this.#target, input);
      const before = missing.size;
      for (const branch of coverage.branches()) missing.delete(branch);
      if (missing.size < before) this.#corpus.push(input);
    }
    this.#corpus.splice(0, Math.max(0, this.#corpus.length - CORPUS_MAX));
  }
}
