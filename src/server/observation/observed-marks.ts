/**
 * What has happened to the server, as opposed to one request: the last of it.
 */
import { shownText } from "./observed-text.ts";
import type { MarkSnapshot } from "./snapshot.ts";

export const MARKS_MAX = 100;

export class ObservedMarks {
  readonly #marks: MarkSnapshot[] = [];

  /** @param atMs not before that of the mark before */
  add(atMs: number, kind: MarkSnapshot["kind"], text: string): void {
    this.#marks.push({ atMs, kind, text: shownText(text) });
    if (this.#marks.length > MARKS_MAX) this.#marks.shift();
  }

  /** The oldest first; at most {@link MARKS_MAX}. */
  latest(): MarkSnapshot[] {
    return [...this.#marks];
  }
}
