/** Measurements as `bench/measure.ts` gives them, for tests of what is made of them. */
import type { Measurement } from "../../bench/measure.ts";
import type { Figures } from "../../bench/metrics.ts";

export function measurement(
  entrant: string,
  figures: Figures,
  choices: Partial<Measurement> = {},
): Measurement {
  const server = entrant.split(",", 1)[0] ?? entrant;
  return { entrant, server, round: 1, figures, processes: 1, errors: null, ...choices };
}
