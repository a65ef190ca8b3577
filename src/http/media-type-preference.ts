/**
 * Which of the media types that a server has a client likes best (RFC 9110 section 12.5.1). Knows
 * nothing of what is served.
 */
import { listMembers, trimOws } from "./fields.ts";

interface MediaRange {
  /** Lower-case, or `*`. */
  readonly type: string;
  readonly subtype: string;
  /** From 0, not acceptable, to 1. */
  readonly weight: number;
}

/** What a browser sends has a dozen; of what is longer, the rest says nothing. */
const RANGES_MAX = 64;
/** `qvalue` (section 12.4.2). */
const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * The media type that an Accept field prefers; of those that it likes as well, the one that was
 * offered first.
 *
 * A range with other parameters than a weight asks for something that is never offered here, and is
 * passed over; so is one that is not well-formed.
 *
 * @param accept the field's value; null where there is none, and everything is as good
 * @param offered `type/subtype`, lower-case, at least one
 * @returns null where the client wants none of them
 */
export function preferredMediaType<T extends string>(
  accept: string | null,
  offered: readonly T[],
): T | null {
  const ranges = accept === null ? [] : readRanges(accept);
  if (accept === null || trimOws(accept) === "") return offered[0] ?? null;
  let best: T | null = null;
  let bestWeight = 0;
  for (const mediaType of offered) {
    const weight = weightOf(mediaType, ranges);
    if (weight > bestWeight) {
      best = mediaType;
      bestWeight = weight;
    }
  }
  return best;
}

function readRanges(accept: string): MediaRange[] {
  return listMembers(accept)
    .slice(0, RANGES_MAX)
    .flatMap((member) => {
      const [range = "", ...parameters] = member.split(";").map((part) => trimOws(part));
      const [type = "", subtype = "", ...more] = range.toLowerCase().split("/");
      const weight = weightIn(parameters);
      if (type === "" || subtype === "" || more.length > 0 || weight === null) return [];
      return [{ type, subtype, weight }];
    });
}

/** @returns null where there are other parameters, or the weight is none */
function weightIn(parameters: readonly string[]): number | null {
  if (parameters.length === 0) return 1;
  const [name, value = ""] = (parameters[0] ?? "").split("=");
  return name?.toLowerCase() === "q" && WEIGHT.test(value) ? Number(value) : null;
}

/** What is said most precisely about a media type holds (section 12.5.1). */
function weightOf(mediaType: string, ranges: readonly MediaRange[]): number {
  const [type, subtype] = mediaType.split("/");
  const exact = ranges.find((range) => range.type === type && range.subtype === subtype);
  const ofType = ranges.find((range) => range.type === type && range.subtype === "*");
  const any = ranges.find((range) => range.type === "*" && range.subtype === "*");
  return (exact ?? ofType ?? any)?.weight ?? 0;
}
