/**
 * The option registry: one record per option, and the only place where its name, unit, default,
 * range and help live. The records stand in `records/`, a file for each group.
 *
 * The flag, the environment variable (`--limit-request-line` is `PORTICO_LIMIT_REQUEST_LINE`), the
 * key in the configuration file (`limit-request-line`), the type {@link Options}, `--help` and
 * `docs/options.md` all follow from the record. Must not know how options are given (`resolve.ts`)
 * or what is done with them.
 */

import type { OptionSpec } from "./option-spec.ts";
import { APPLICATION_OPTIONS } from "./records/application.ts";
import { SOCKETS_OPTIONS } from "./records/sockets.ts";
import { PROCESSES_OPTIONS } from "./records/processes.ts";
import { PROXIES_OPTIONS } from "./records/proxies.ts";
import { POLICY_OPTIONS } from "./records/policy.ts";
import { TIME_OPTIONS } from "./records/time.ts";
import { SIZE_OPTIONS } from "./records/size.ts";
import { SYSTEM_OPTIONS } from "./records/system.ts";
import { HEALTH_OPTIONS } from "./records/health.ts";
import { LOGS_OPTIONS } from "./records/logs.ts";
import { OBSERVATION_OPTIONS } from "./records/observation.ts";
import { DEVELOPMENT_OPTIONS } from "./records/development.ts";
import { GENERAL_OPTIONS } from "./records/general.ts";

export const OPTIONS = {
  ...APPLICATION_OPTIONS,
  ...SOCKETS_OPTIONS,
  ...PROCESSES_OPTIONS,
  ...PROXIES_OPTIONS,
  ...POLICY_OPTIONS,
  ...TIME_OPTIONS,
  ...SIZE_OPTIONS,
  ...SYSTEM_OPTIONS,
  ...HEALTH_OPTIONS,
  ...LOGS_OPTIONS,
  ...OBSERVATION_OPTIONS,
  ...DEVELOPMENT_OPTIONS,
  ...GENERAL_OPTIONS,
} as const satisfies Record<string, OptionSpec>;

export type OptionKey = keyof typeof OPTIONS;

/** Values given as `NAME=VALUE`; of a name given twice the last counts. */
export type Assignments = Readonly<Record<string, string>>;

type Word<S extends OptionSpec> = S extends { readonly words: readonly (infer W)[] } ? W : never;

type Off<S extends OptionSpec> =
  | (S extends { readonly offAllowed: true } ? null : never)
  | (S["fallback"] extends null ? null : never);

type Single<S extends OptionSpec> = S["kind"] extends "integer" | "bytes" | "duration"
  ? number | Word<S> | Off<S>
  : S["kind"] extends "boolean"
    ? boolean
    : S["kind"] extends "choice"
      ? Word<S>
      : string | Off<S>;

type ValueOf<S extends OptionSpec> = S["kind"] extends "assignment"
  ? Assignments
  : S extends { readonly separator: string }
    ? readonly Single<S>[]
    : Single<S>;

/**
 * Every option's value: durations in milliseconds, sizes in bytes, null where it is off. Frozen.
 */
export type Options = { readonly [K in OptionKey]: ValueOf<(typeof OPTIONS)[K]> };

export const OPTION_KEYS = Object.keys(OPTIONS) as readonly OptionKey[];

/** Whether the value is the record's default: nobody has said anything else. */
export function isDefault(options: Options, key: OptionKey): boolean {
  return options[key] === optionSpec(key).fallback;
}

/** The record, seen as what all records have in common. */
export function optionSpec(key: OptionKey): OptionSpec {
  return OPTIONS[key];
}
