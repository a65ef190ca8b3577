/**
 * Origins as browsers write them in the Origin field, and patterns of them (RFC 6454 section 6.2;
 * HTML, "serialization of an origin").
 *
 * Browsers always write one origin in one way, so that texts are compared and never understood:
 * whatever is unusual is another origin.
 */
import { formatIpAddress, parseIPv6Address } from "./ip-address.ts";

/** Longest host name, RFC 1035 section 2.3.4. */
const HOST_LENGTH_MAX = 253;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443" };

const HOST_NAME = "[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?";
const ORIGIN = new RegExp(
  `^([a-z][a-z0-9+.-]*)://(\\*\\.)?(${HOST_NAME}|\\[[0-9a-f:.]+\\])(?::([0-9]{1,5}))?$`,
);

/** `https://*.example.org`, taken apart: what stands before and behind the star. */
interface Wildcard {
  /** `https://` */
  readonly start: string;
  /** `.example.org:8443` */
  readonly end: string;
}

/** `any` is `*`; `one` a whole origin; `below` all names below one. */
export type OriginPattern =
  | { readonly kind: "any" }
  | { readonly kind: "one"; readonly origin: string }
  | { readonly kind: "below"; readonly wildcard: Wildcard };

export type ParsedOriginPattern =
  | { readonly kind: "pattern"; readonly pattern: OriginPattern }
  | { readonly kind: "refused"; readonly why: string };

/**
 * Reads `https://app.example.org`, with a port where it is not the scheme's own,
 * `https://*.example.org` (any name below it, however deep, but not itself), or `*`.
 *
 * `null` is refused: every sandboxed frame and every local file has that origin, whoever made it.
 */
export function parseOriginPattern(text: string): ParsedOriginPattern {
  if (text === "*") return { kind: "pattern", pattern: { kind: "any" } };
  if (text === "null") {
    return refused("is the origin of every sandboxed frame and local file, so it names nobody");
  }
  const match = ORIGIN.exec(text.toLowerCase());
  if (match === null) return refused(whyNoOrigin(text));
  const [, scheme = "", star, written = "", port] = match;
  const host = canonicalHost(written);
  if (host === null || Number(port ?? 0) > 65_535) return refused(whyNoOrigin(text));
  const isDefault = port !== undefined && Number(port) === Number(DEFAULT_PORTS[scheme]);
  const end = port === undefined || isDefault ? host : `${host}:${Number(port)}`;
  if (star === undefined) {
    return { kind: "pattern", pattern: { kind: "one", origin: `${scheme}://${end}` } };
  }
  if (host.startsWith("[") || /^[\d.]+$/.test(host)) {
    return refused("asks for the names below an address, and there are none");
  }
  const wildcard = { start: `${scheme}://`, end: `.${end}` };
  return { kind: "pattern", pattern: { kind: "below", wildcard } };
}

function canonicalHost(host: string): string | null {
  if (host.length > HOST_LENGTH_MAX || host.includes("..")) return null;
  if (!host.startsWith("[")) return host;
  const address = parseIPv6Address(host.slice(1, -1));
  return address === null ? null : `[${formatIpAddress(address)}]`;
}

function refused(why: string): ParsedOriginPattern {
  return { kind: "refused", why };
}

function whyNoOrigin(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/]+\//i.test(text)) {
    return "has a path, which no origin has, not even a slash at the end";
  }
  if (/[^\0-\x7f]/.test(text)) return "is not ASCII: browsers send such a host as xn--...";
  return "is not an origin such as https://app.example.org or https://*.example.org";
}

export class OriginSet {
  /** Every origin, also `null`, is in it. */
  readonly any: boolean;
  readonly #origins: ReadonlySet<string>;
  readonly #wildcards: readonly Wildcard[];

  constructor(patterns: readonly OriginPattern[]) {
    this.any = patterns.some(({ kind }) => kind === "any");
    this.#origins = new Set(
      patterns.flatMap((pattern) => (pattern.kind === "one" ? [pattern.origin] : [])),
    );
    this.#wildcards = patterns.flatMap((pattern) =>
      pattern.kind === "below" ? [pattern.wildcard] : [],
    );
  }

  /**
   * @param origin the field's value as it came
   * @bound O(length), times the wildcards
   */
  has(origin: string): boolean {
    return (
      this.any ||
      this.#origins.has(origin) ||
      this.#wildcards.some((wildcard) => isBelow(origin, wildcard))
    );
  }
}

/** Whether nothing but labels of a host name stands where the star is. */
function isBelow(origin: string, { start, end }: Wildcard): boolean {
  if (!origin.startsWith(start) || !origin.endsWith(end)) return false;
  const labels = origin.slice(start.length, origin.length - end.length);
  return labels.length <= HOST_LENGTH_MAX && /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(labels);
}
