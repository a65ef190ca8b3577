/**
 * Changes that belong together: an editor writes a file in several steps, and a checkout writes
 * many files. Pure; who asks says what time it is.
 */

/** So long nothing must have changed. */
export const QUIET_MS = 50;
/** But not longer than this after the first change, so that what changes without end is loaded. */
export const LONGEST_MS = 500;
/** Names that are kept; more are only counted. */
const NAMES_MAX = 100;

/** What has changed since it was looked at last. */
export interface Changes {
  readonly firstAtMs: number;
  /** In the order in which they changed first, to a bound. */
  readonly paths: readonly string[];
  readonly count: number;
}

export class ChangeBatch {
  readonly #paths = new Set<string>();
  #beyond = 0;
  #firstAtMs = 0;
  #lastAtMs = 0;

  add(path: string, nowMs: number): void {
    if (this.#paths.size === 0) this.#firstAtMs = nowMs;
    this.#lastAtMs = nowMs;
    if (this.#paths.size < NAMES_MAX) this.#paths.add(path);
    else if (!this.#paths.has(path)) this.#beyond++;
  }

  /** When it is whole; null while there is nothing. */
  get dueAtMs(): number | null {
    if (this.#paths.size === 0) return null;
    return Math.min(this.#lastAtMs + QUIET_MS, this.#firstAtMs + LONGEST_MS);
  }

  /** @returns null where there is nothing */
  take(): Changes | null {
    if (this.#paths.size === 0) return null;
    const changes = {
      firstAtMs: this.#firstAtMs,
      paths: [...this.#paths],
      count: this.#paths.size + this.#beyond,
    };
    this.#paths.clear();
    this.#beyond = 0;
    return changes;
  }
}
