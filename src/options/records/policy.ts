/** Options: which requests are let through to the application. The shape of a record is in `option-spec.ts`. */
import type { OptionSpec } from "../option-spec.ts";

export const POLICY_OPTIONS = {} as const satisfies Record<string, OptionSpec>;
