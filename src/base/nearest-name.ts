/**
 * "Did you mean ...?": the known name that a mistyped one is closest to.
 *
 * Owns the distance and its cut-off. Must not know what the names stand for.
 */

/**
 * Names longer than this are never a slip of the finger; the distance costs length times length.
 */
const NAME_LENGTH_MAX = 64;
const NAME_LENGTH_MIN = 3;

/**
 * The candidate closest to `name`, or null where none is close enough to be what was meant.
 *
 * Close enough is a third of the longer name's length, at least one edit; case does not count. Of
 * equally close ones the first is taken. To a name of two characters, such as `-x`, none is close:
 * each is one edit away from every other.
 *
 * @bound   O(candidates x 64 x 64)
 */
export function nearestName(name: string, candidates: Iterable<string>): string | null {
  if (name.length < NAME_LENGTH_MIN || name.length > NAME_LENGTH_MAX) return null;
  const wanted = name.toLowerCase();
  let nearest: string | null = null;
  let smallest = Infinity;
  for (const candidate of candidates) {
    if (candidate.length > NAME_LENGTH_MAX) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    const allowed = Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3));
    if (distance <= allowed && distance < smallest) {
      nearest = candidate;
      smallest = distance;
    }
  }
  return nearest;
}

/**
 * Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions and
 * swaps of two neighbours, each counted once.
 */
export function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let distance = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (same ? 0 : 1),
      );
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (row > 1 && column > 1 && swapped) {
        distance = Math.min(distance, at(beforePrevious, column - 2) + 1);
      }
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, right.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
