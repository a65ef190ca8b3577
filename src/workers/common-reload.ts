/**
 * A reload that several supervisors make together, each in a process of its own, so that all of
 * them serve the new code or none does. Knows nobody but the one generation.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Generation } from "./generation.ts";

export interface CommonReload {
  /** What the new generation is to be called at least: the same everywhere. */
  readonly generation: number;
  /**
   * Asked when the new generation is ready to be given the traffic.
   *
   * @returns null when it may have it, or why not
   */
  consent(): Promise<string | null>;
}

/**
 * Waits until a generation that is ready may have the traffic.
 *
 * @throws {OperatorError} exit status 3: it may not, or it has lost its zygote meanwhile; it is
 *   dismissed then
 */
export async function agree(common: CommonReload, generation: Generation): Promise<void> {
  const objection = await common.consent();
  const isReady = generation.state === "standing-by";
  if (objection === null && isReady) return;
  generation.dismiss();
  const why = objection ?? "its zygote ended while it waited for the other gateways";
  throw new OperatorError(EXIT_STATUS.moduleNotLoaded, why);
}
