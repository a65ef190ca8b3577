/**
 * Options: the servers that stand in front.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const PROXIES_OPTIONS = {} as const satisfies Record<string, OptionSpec>;
