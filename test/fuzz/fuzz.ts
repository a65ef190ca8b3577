/**
 * The loop of a fuzz run: inputs from the grammar, and mutations of those that were the first of
 * their kind, or reached branches which none had reached before.
 */
import { type Branch, BranchCoverage } from "./coverage.ts";
import { Dice } from "./dice.ts";
import { keepFailure, outcomeOf, titleOf } from "./failures.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { mutate } from "./mutate.ts";

/** Inputs between two looks at the branches. */
const BATCH = 64;
const GENERATED_CHANCE = 0.3;
/** Of the inputs that reached something new; the oldest of them go. */
const CORPUS_MAX = 4_000;
/** Kinds of inputs that are told apart. */
const KINDS_MAX = 100_000;
/** With different titles; then there is something to repair first. */
const FAILURES_MAX = 20;
/** An input that takes longer hangs, or nearly so. */
const INPUT_MAX_MS = 15_000;

export interface FuzzOptions {
  readonly seed: number;
  /** The run ends with the first of these: an amount of inputs, or of time. */
  readonly inputsMax: number;
  readonly millisecondsMax: number;
  /** Where inputs that fail are kept; made when there is one. */
  readonly failuresFolder: string;
  /** Whether branches are looked at; without, each input costs less. */
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
  /** Kinds of inputs that have been seen. */
  readonly kinds: number;
  /** Where the inputs that failed are kept. */
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
  /** Of all inputs so far. */
  readonly #kinds = new Set<string>();
  /** Where they are kept, by their titles. */
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
      kinds: this.#kinds.size,
      failures: [...this.#failures.values()],
    };
  }

  /** @returns what was found */
  async run(): Promise<FuzzProgress> {
    const { inputsMax, millisecondsMax, onProgress } = this.#options;
    this.#coverage?.start();
    try {
      const seeds = this.#corpus.splice(0).slice(0, inputsMax);
      await this.#batch(seeds);
      this.#corpus.push(...seeds);
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
        if (branches.length > 0) await this.#keepNew(this.#coverage, inputs, branches);
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
      const outcome = await outcomeOf(this.#target, input);
      if ("failure" in outcome) {
        await this.#keepFailure(input, outcome.failure);
      } else if (performance.now() - beganAtMs > INPUT_MAX_MS) {
        await this.#keepFailure(input, `an input took longer than ${INPUT_MAX_MS} ms`);
      } else if (!this.#kinds.has(outcome.kind) && this.#kinds.size < KINDS_MAX) {
        this.#kinds.add(outcome.kind);
        this.#corpus.push(input);
      }
    }
    this.#corpus.splice(0, Math.max(0, this.#corpus.length - CORPUS_MAX));
  }

  async #keepFailure(input: Buffer, failure: string): Promise<void> {
    const title = titleOf(failure);
    if (this.#failures.has(title)) return;
    this.#failures.set(
      title,
      await keepFailure(this.#options.failuresFolder, this.#target, input, failure),
    );
  }

  /** Something in the batch was new: tries each input by itself, and keeps those that bring it. */
  async #keepNew(
    coverage: BranchCoverage,
    inputs: readonly Buffer[],
    branches: readonly Branch[],
  ): Promise<void> {
    let missing = branches;
    for (const input of inputs) {
      if (missing.length === 0) break;
      await outcomeOf(this.#target, input);
      const before = missing.length;
      missing = coverage.without(missing);
      if (missing.length < before) this.#corpus.push(input);
    }
  }
}
