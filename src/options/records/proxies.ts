/** Options: the servers that stand in front. The shape of a record is in `option-spec.ts`. */
import type { OptionSpec } from "../option-spec.ts";

export const PROXIES_OPTIONS = {} as const satisfies Record<string, OptionSpec>;
