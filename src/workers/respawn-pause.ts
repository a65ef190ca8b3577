/**
 * How long to wait before a worker is forked again. The first one that dies is replaced at once;
 * while they keep dying soon after their birth, the pause doubles, so that code which cannot run
 * does not take the machine with it.
 */

/** A worker that lived for less than this died at once. */
const SHORT_LIFE_MS = 2_000;
const PAUSE_FIRST_MS = 100;
export const RESPAWN_PAUSE_MAX_MS = 5_000;

export class RespawnPause {
  #shortLives = 0;

  /**
   * @param livedMs how long the worker that died had lived
   * @returns how long to wait, in ms
   */
  afterDeath(livedMs: number): number {
    if (livedMs >= SHORT_LIFE_MS) {
      this.#shortLives = 0;
      return 0;
    }
    this.#shortLives++;
    if (this.#shortLives === 1) return 0;
    return Math.min(PAUSE_FIRST_MS * 2 ** (this.#shortLives - 2), RESPAWN_PAUSE_MAX_MS);
  }
}
