/**
 * The names of signals, for people.
 */
import { constants } from "node:os";

const NAMES: ReadonlyMap<number, string> = new Map(
  // Of two names for one signal the first is the usual one.
  Object.entries(constants.signals)
    .map(([name, number]): [number, string] => [number, name])
    .toReversed(),
);

/** `SIGKILL` for 9; the number where the system has no name for it. */
export function signalName(signal: number): string {
  return NAMES.get(signal) ?? `signal ${signal}`;
}
