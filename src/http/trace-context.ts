/**
 * Trace Context (W3C Recommendation of 23 November 2021): by which a request says of which trace it
 * is a part, and which span sent it.
 *
 * Owns the form of the fields `traceparent` and `tracestate`. Must not know who is believed, nor
 * what is done with a trace. Pure functions over field values in which each character is one byte.
 */
import { trimOws } from "./fields.ts";

/** What `traceparent` says. */
export interface TraceParent {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** The sender's span: 16 lower-case hexadecimal digits, not all zero. */
  readonly spanId: string;
  /** Whether the sender may have recorded its part of the trace. */
  readonly isSampled: boolean;
}

/** What whoever is asked for something gets to know of the trace: the two fields. */
export interface OutgoingTrace {
  readonly traceparent: string;
  /** null where there is none. */
  readonly tracestate: string | null;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const VERSION = "00";
/** Can be no version (section 3.2.2.1). */
const FORBIDDEN_VERSION = "ff";
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
/** The only flag that is defined (section 3.2.2.5.1); the others are looked past. */
const SAMPLED = 0b1;

/** Members of a list, at most (section 3.3.1.1). */
const TRACESTATE_MEMBERS_MAX = 32;
/** Section 3.3.1.3.1, with a tenant's name in front of an `@` or without. */
const MEMBER_KEY =
  /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})$/;
/** Section 3.3.1.3.2: printable ASCII without comma and equals sign, no space at the end. */
const MEMBER_VALUE = /^[ -+\--<>-~]{0,255}[!-+\--<>-~]$/;

/**
 * Reads a `traceparent`. Of a version that is not known yet, what version 00 has is read.
 *
 * @param value the field's value; of a field that came twice the values are joined by commas, and
 *   so make none
 * @returns null where it is not well-formed: the request then begins a trace, as if it had none
 * @see Trace Context, sections 3.2 and 4.3
 */
export function parseTraceparent(value: string): TraceParent | null {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(value) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  if (version === FORBIDDEN_VERSION || (version === VERSION && more !== undefined)) return null;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/** A `traceparent` that names this span as the parent of whatever it asks for. */
export function formatTraceparent({ traceId, spanId, isSampled }: TraceParent): string {
  return `${VERSION}-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

/**
 * Whether a `tracestate` may be passed on. One that cannot be read is dropped whole, as section
 * 3.3.1.2 has it; the trace goes on without.
 *
 * @param value the field's value, lines combined
 */
export function isTracestate(value: string): boolean {
  const keys = new Set<string>();
  for (const part of value.split(",")) {
    const member = trimOws(part);
    // Members may be empty, and are left out (section 3.3.1.3).
    if (member === "") continue;
    const at = member.indexOf("=");
    const key = member.slice(0, Math.max(at, 0));
    if (!MEMBER_KEY.test(key) || !MEMBER_VALUE.test(member.slice(at + 1)) || keys.has(key)) {
      return false;
    }
    keys.add(key);
  }
  return keys.size > 0 && keys.size <= TRACESTATE_MEMBERS_MAX;
}
