/** An interpreter that any user may run; that of who runs the tests may be in a closed home. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";

const PLACES = ["/usr/bin/python3", "/usr/local/bin/python3"];

/** @throws {AssertionError} where there is none */
export function everyonesPython(): string {
  const found = PLACES.find((place) => existsSync(place));
  assert.ok(found !== undefined, `there is none of ${PLACES.join(", ")}`);
  return found;
}
