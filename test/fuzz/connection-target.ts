/**
 * A whole connection in memory: what is answered is what the reference foretells, for clients of
 * every manner.
 */
import { CUTS } from "../http1/cut-and-replay.ts";
import { checkConversation, type ClientManner } from "../properties/conversation.ts";
import { Dice, hashOf } from "./dice.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { generateConnection, limitsFor, vectorBytes } from "./receiver-target.ts";

export const connectionTarget: FuzzTarget = {
  name: "connection",
  seeds: vectorBytes,
  generate: generateConnection,

  check(input) {
    const dice = new Dice(hashOf(input));
    const manner: ClientManner = {
      pipelinedLimitBytes: dice.pick([1, 30, 65_536]),
      hasty: dice.chance(0.3),
      slow: dice.chance(0.3),
    };
    const way = dice.pick(["whole", "by line", "one byte, then the rest", "at random"]);
    const pieces = CUTS[way]?.(input, dice.below(1_000)) ?? [input];
    const statuses = checkConversation(pieces, limitsFor(input), manner);
    return [...statuses, manner.hasty, manner.slow].join();
  },
};
