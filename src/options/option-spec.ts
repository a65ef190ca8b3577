/**
 * What a record of the option registry says, and the names that follow from it.
 *
 * Owns the shape of a record. Must not know any option.
 */

export type OptionGroup =
  | "Application"
  | "Sockets"
  | "Processes"
  | "Proxies"
  | "Policy"
  | "Time"
  | "Size"
  | "System"
  | "Logs"
  | "Observation"
  | "Development"
  | "General";

export interface OptionSpec {
  readonly kind: "text" | "integer" | "bytes" | "duration" | "boolean" | "choice" | "assignment";
  readonly group: OptionGroup;
  /** The long form, with its two hyphens. */
  readonly flag: `--${string}`;
  readonly short?: `-${string}`;
  /** Other environment variables that are honoured, after the option's own. */
  readonly environmentAliases?: readonly EnvironmentAlias[];
  /** What stands for the value in the help. */
  readonly placeholder?: string;
  /** Milliseconds, bytes, or a count; null is off. */
  readonly fallback: unknown;
  /** Allowed range in the same unit as `fallback`, both ends included. */
  readonly min?: number;
  readonly max?: number;
  /** What the flag means where it stands alone; a value then only follows behind `=`. */
  readonly alone?: string;
  /** `off` is allowed and gives null. */
  readonly offAllowed?: true;
  /** Words that are allowed beside numbers, and all that is allowed for a choice. */
  readonly words?: readonly string[];
  /** What a text must look like, and the same in words. */
  readonly pattern?: RegExp;
  readonly expects?: string;
  /** No complaint repeats its value, since logs are read by more people than may know it. */
  readonly secret?: true;
  /** A text that may be a number, and is one in the file. */
  readonly maybeNumber?: true;
  /** May be given more than once; in the environment the values are parted by this. */
  readonly separator?: "," | ":" | "\n";
  /** Concerns one run on the command line only: not in the environment, not in the file. */
  readonly commandLineOnly?: true;
  /** What other servers call it; somebody who types that is told our name. */
  readonly alsoCalled?: readonly `-${string}`[];
  /** One line for `--help`. */
  readonly summary: string;
  /**
   * What it bounds, what goes wrong without it, whom a bad value hurts, what peers do. For the
   * manual.
   */
  readonly help: string;
  /** The version that brought it. */
  readonly since: string;
}

export interface EnvironmentAlias {
  readonly name: string;
  /** What stands before the variable's value to make it a value of the option. */
  readonly prefix: string;
}

/** What the flag means where it stands alone; null where it needs a value. */
export function valueAlone(spec: OptionSpec): string | null {
  return spec.kind === "boolean" ? "true" : (spec.alone ?? null);
}

/** The environment variable that follows from the flag: `--queue-max` is `PORTICO_QUEUE_MAX`. */
export function environmentName(spec: OptionSpec): string {
  return `PORTICO_${spec.flag.slice(2).replaceAll("-", "_").toUpperCase()}`;
}

/** The key in the configuration file that follows from the flag: `--queue-max` is `queue-max`. */
export function configKey(spec: OptionSpec): string {
  return spec.flag.slice(2);
}
