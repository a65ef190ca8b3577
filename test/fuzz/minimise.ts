/** Makes an input smaller while it still fails. */

/** Attempts and time are bounded: a smaller input is a comfort, not a result. */
const ATTEMPTS_MAX = 2_000;
const TIME_MAX_MS = 30_000;

/**
 * Leaves out pieces, large ones first, then single bytes; then writes a plain letter in the place
 * of each byte whose value does not matter.
 *
 * @param fails whether an input shows the same failure; true for `input`
 * @bound {@link ATTEMPTS_MAX} calls of `fails`, and none is begun after {@link TIME_MAX_MS}
 */
export async function minimise(
  input: Buffer,
  fails: (smaller: Buffer) => Promise<boolean>,
): Promise<Buffer> {
  let best = input;
  const endsAtMs = performance.now() + TIME_MAX_MS;
  let attempts = 0;
  const isBetter = async (candidate: Buffer): Promise<boolean> =>
    attempts++ < ATTEMPTS_MAX && performance.now() < endsAtMs && (await fails(candidate));

  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let at = 0; at < best.length;) {
      const candidate = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (await isBetter(candidate)) best = candidate;
      else at += size;
    }
  }
  for (let at = 0; at < best.length; at++) {
    if (best[at] === 0x61) continue;
    const candidate = Buffer.from(best);
    candidate[at] = 0x61;
    if (await isBetter(candidate)) best = candidate;
  }
  return best;
}
