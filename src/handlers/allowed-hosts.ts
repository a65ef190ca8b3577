/**
 * `--allowed-host`: requests for any other host are answered 421 and never reach the application,
 * which may build links, cookies and cache keys of the host that it is asked for.
 */
import { type Authority, parseAuthority } from "../http/authority.ts";
import { formatIpAddress, parseIpAddress, parseIPv6Address } from "../http/ip-address.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { Admission, AdmissionRule } from "./admission.ts";
import type { Provenance } from "./provenance.ts";

const DEFAULT_PORT = { http: "80", https: "443" } as const;

/** A host as the operator wrote it, in the one form in which hosts are compared. */
export interface HostPattern {
  /** Lower-case, without the root's dot; an IPv6 literal in brackets as RFC 5952 writes it. */
  readonly host: string;
  /** Whether it stands for `host` itself, and for every name that ends in a dot and `host`. */
  readonly itself: boolean;
  readonly below: boolean;
  /** null: any port. */
  readonly port: string | null;
}

/** A pattern, or why the text is none, in words that follow the text. */
export type ParsedHostPattern =
  | { readonly kind: "pattern"; readonly pattern: HostPattern }
  | { readonly kind: "refused"; readonly why: string };

/**
 * Reads `example.org`, `*.example.org` (any name below it, however deep, but not itself),
 * `.example.org` (both, as in Django and nginx), or an address, each with a port or without. An
 * IPv6 address may come without brackets where there is no port.
 */
export function parseHostPattern(text: string): ParsedHostPattern {
  const itself = !text.startsWith("*.");
  const below = !itself || text.startsWith(".");
  const isBareIPv6 = parseIPv6Address(text) !== null;
  const written = text.slice(itself ? Number(below) : 2);
  const authority = parseAuthority(isBareIPv6 ? `[${text}]` : written);
  if (authority === null || authority.host === "" || authority.port === "") {
    return refused("is not a host such as example.org or *.example.org, or an address");
  }
  const host = comparableHost(authority);
  if (host.includes("*")) return refused("has a * that does not stand for all names below a host");
  if (below && (host.startsWith("[") || parseIpAddress(host) !== null)) {
    return refused("asks for the names below an address, and there are none");
  }
  return { kind: "pattern", pattern: { host, itself, below, port: authority.port } };
}

function refused(why: string): ParsedHostPattern {
  return { kind: "refused", why };
}

/**
 * Lower-case and without the dot of the root (`example.org.` is the same host); an IPv6 literal in
 * its one form.
 */
function comparableHost({ host }: Authority): string {
  if (host.startsWith("[")) {
    const address = parseIPv6Address(host.slice(1, -1));
    return address === null ? host.toLowerCase() : `[${formatIpAddress(address)}]`;
  }
  const lowerCase = host.toLowerCase();
  return lowerCase.endsWith(".") ? lowerCase.slice(0, -1) : lowerCase;
}

/** RFC 9110 section 15.5.20: this server is not configured to answer for that host. */
const REFUSED: Admission = {
  answer: {
    status: 421,
    fields: "",
    detail: "this server does not answer for the host that was asked for",
    content: null,
  },
  fields: "",
  replacedFields: new Set(),
  vary: [],
};

/**
 * Lets requests for some hosts through, and answers 421 to all others. A request that names no host
 * (HTTP/1.0, or an empty Host) is for none of them.
 */
export class AllowedHosts implements AdmissionRule {
  readonly #patterns: readonly HostPattern[];

  constructor(patterns: readonly HostPattern[]) {
    this.#patterns = patterns;
  }

  /** @bound O(length of the host), times the patterns */
  admit(_head: RequestHead, provenance: Provenance): Admission | null {
    const authority = provenance.host === null ? null : parseAuthority(provenance.host);
    if (authority === null || authority.host === "") return REFUSED;
    const host = comparableHost(authority);
    const port = Number(authority.port || DEFAULT_PORT[provenance.scheme]);
    for (const pattern of this.#patterns) {
      const isHost =
        (pattern.itself && host === pattern.host) ||
        (pattern.below && host.endsWith(`.${pattern.host}`) && !host.startsWith("."));
      if (isHost && (pattern.port === null || Number(pattern.port) === port)) return null;
    }
    return REFUSED;
  }
}
