/**
 * Recognises the names of common fields where they stand in memory, so that no string is made of
 * them.
 *
 * A table of slots, indexed by a hash of the name's length and three of its bytes, in which each
 * slot holds the few names that share it. Knows names and roles, not what a value means.
 */
import { SINGLETON_FIELDS } from "../http/fields.ts";

/** The fields that say something about the message or the connection itself. */
export type FieldRole =
  | "none"
  | "host"
  | "content-length"
  | "transfer-encoding"
  | "connection"
  | "expect";

export interface KnownField {
  /** Lower-case: the one string that stands for this name everywhere. */
  readonly name: string;
  readonly role: FieldRole;
  /** A bit of its own for a field of a single value, else 0. */
  readonly singletonBit: number;
}

const ROLES: readonly FieldRole[] = [
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "expect",
];

/** What clients and proxies commonly send beside the fields that have a role or a single value. */
const COMMON_NAMES: readonly string[] = [
  "accept",
  "accept-charset",
  "accept-encoding",
  "accept-language",
  "access-control-request-headers",
  "access-control-request-method",
  "cache-control",
  "cookie",
  "dnt",
  "forwarded",
  "if-match",
  "if-none-match",
  "keep-alive",
  "pragma",
  "priority",
  "sec-ch-ua",
  "sec-ch-ua-mobile",
  "sec-ch-ua-platform",
  "sec-fetch-dest",
  "sec-fetch-mode",
  "sec-fetch-site",
  "sec-fetch-user",
  "sec-gpc",
  "te",
  "traceparent",
  "tracestate",
  "upgrade",
  "upgrade-insecure-requests",
  "via",
  "x-csrftoken",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
  "x-request-id",
  "x-requested-with",
];

const SLOT_COUNT = 512;
const NO_FIELDS: readonly KnownField[] = [];

/**
 * Sets bit 5: letters become lower-case. The known names hold only letters, digits and hyphens, and
 * no other token character becomes one of these.
 */
const TO_LOWER = 0x20;

const SLOTS: readonly (readonly KnownField[])[] = /* @__PURE__ */ slots();

function slots(): KnownField[][] {
  const table = Array.from({ length: SLOT_COUNT }, (): KnownField[] => []);
  for (const name of new Set([...ROLES, ...SINGLETON_FIELDS, ...COMMON_NAMES])) {
    const singleton = SINGLETON_FIELDS.indexOf(name);
    const bytes = Buffer.from(name);
    table[slotOf(bytes, 0, bytes.length)]?.push({
      name,
      role: ROLES.find((role) => role === name) ?? "none",
      singletonBit: singleton === -1 ? 0 : 1 << singleton,
    });
  }
  return table;
}

function slotOf(bytes: Buffer, start: number, end: number): number {
  const first = (bytes[start] as number) | TO_LOWER;
  const middle = (bytes[(start + end) >> 1] as number) | TO_LOWER;
  const last = (bytes[end - 1] as number) | TO_LOWER;
  return (first * 3 + middle * 31 + last * 7 + (end - start) * 19) & (SLOT_COUNT - 1);
}

/**
 * The field whose name stands at `bytes[start..end)`, in upper or lower case.
 *
 * @param bytes a token at that place, of at least one byte
 * @returns null where the name is not known here
 */
export function knownFieldAt(bytes: Buffer, start: number, end: number): KnownField | null {
  const candidates = SLOTS[slotOf(bytes, start, end)] ?? NO_FIELDS;
  for (let index = 0; index < candidates.length; index++) {
    const candidate = candidates[index] as KnownField;
    if (isName(candidate.name, bytes, start, end)) return candidate;
  }
  return null;
}

function isName(name: string, bytes: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let index = 0; index < name.length; index++) {
    if (name.charCodeAt(index) !== ((bytes[start + index] as number) | TO_LOWER)) return false;
  }
  return true;
}
