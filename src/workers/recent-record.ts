/**
 * What became of a generation's requests of late: totals are noted down from time to time, and what
 * was noted longest ago is taken from the present ones. Pure.
 */
import type { GenerationRecord, RecentOutcomes } from "./generation-watch.ts";

/** Notes that are kept; they cover as many intervals, less than one. */
const NOTES_MAX = 7;
const NOTE_INTERVAL_MS = 10_000;
const NOTHING: GenerationRecord = { answered: 0, failed: 0, crashes: 0 };

export class RecentRecord {
  /** The latest one last. */
  readonly #notes: { readonly atMs: number; readonly record: GenerationRecord }[] = [];

  /** Called from time to time with the totals. */
  note(nowMs: number, total: GenerationRecord): void {
    const last = this.#notes.at(-1);
    if (last !== undefined && nowMs - last.atMs < NOTE_INTERVAL_MS) return;
    this.#notes.push({ atMs: nowMs, record: { ...total } });
    if (this.#notes.length > NOTES_MAX) this.#notes.shift();
  }

  /**
   * What happened in the last minute; where it is not that old yet, in all its time.
   *
   * @param total the present totals
   */
  since(nowMs: number, total: GenerationRecord): RecentOutcomes {
    const [first] = this.#notes;
    const from = this.#notes.length < NOTES_MAX ? NOTHING : (first?.record ?? NOTHING);
    return { ...difference(total, from), spanMs: nowMs - (first?.atMs ?? nowMs) };
  }
}

export function difference(later: GenerationRecord, earlier: GenerationRecord): GenerationRecord {
  return {
    answered: later.answered - earlier.answered,
    failed: later.failed - earlier.failed,
    crashes: later.crashes - earlier.crashes,
  };
}
