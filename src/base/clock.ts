/**
 * The two kinds of time the program knows. This layer only names them: the real clock is
 * `src/os/real-clock.ts`, and tests bring their own.
 */
export interface Clock {
  /** Milliseconds from an arbitrary start, never running backwards: for durations and deadlines. */
  nowMs(): number;
  /**
   * Milliseconds since 1970-01-01T00:00:00Z, as the administrator set the clock: for dates that are
   * shown.
   */
  epochMs(): number;
}
