/**
 * What a trusted proxy claims about a request: who made it, by which scheme and for which host.
 * There are two ways to say it, `Forwarded` and the X-Forwarded-... fields; each is read by itself.
 *
 * Presumes that the peer is trusted; `provenance.ts` decides that, and what becomes of the claims.
 */
import { parseAuthority } from "../http/authority.ts";
import {
  type ForwardedElement,
  lastForwardedElement,
  type LastElementReader,
  lastXForwardedFor,
  unquotedMembers,
} from "../http/forwarded.ts";
import { formatIpAddress } from "../http/ip-address.ts";
import type { IpNetworks } from "../http/ip-network.ts";
import type { HeaderSection } from "../http1/request-head.ts";

/** Proxies between us and the client that are looked past; who is behind more is not looked for. */
const HOPS_MAX = 64;

/** `where-host-is-internal`: not where Host is a name that a client can have asked for. */
type HostBelief = boolean | "where-host-is-internal";

/** Which fields are believed when a trusted proxy sends them. */
export interface BelievedFields {
  readonly forwarded: boolean;
  /** The `host` in Forwarded, where that is believed. */
  readonly forwardedHost: HostBelief;
  readonly xForwardedFor: boolean;
  readonly xForwardedProto: boolean;
  readonly xForwardedHost: HostBelief;
  readonly xForwardedPort: boolean;
}

export interface ClientAddress {
  /** "" where a proxy does not tell. */
  readonly host: string;
  /** "" where it is not known. */
  readonly port: string;
}

export interface Claim {
  /** null: nothing believable is said, so it is whoever opened the connection. */
  readonly client: ClientAddress | null;
  readonly scheme: "http" | "https" | null;
  readonly host: string | null;
  /** Says a host that is not believed, and is not the one in Host. */
  readonly isHostDenied: boolean;
  /** The field's value from where proxies of ours wrote it; null where there is no such part. */
  readonly believedList: string | null;
}

const UNKNOWN_CLIENT: ClientAddress = { host: "", port: "" };

/** The part of a list that proxies wrote. */
interface Hops {
  /** The last of the list comes first; the client's proxy is the last one here. */
  readonly elements: readonly ForwardedElement[];
  readonly believedList: string | null;
}

/**
 * Reads from the right, as long as each element names a proxy of ours: the proxy that it names has
 * written the next one. The element that names somebody else names the client, and what stands
 * left of it is the client's own.
 */
function readHops(value: string, readLast: LastElementReader, proxies: IpNetworks): Hops {
  const elements: ForwardedElement[] = [];
  let start = value.length;
  while (elements.length < HOPS_MAX) {
    const last = readLast(value, start);
    if (last === null) break;
    elements.push(last.element);
    start = last.start;
    const address = last.element.client?.address ?? null;
    if (address === null || !proxies.names(address)) break;
  }
  return { elements, believedList: elements.length === 0 ? null : value.slice(start).trimEnd() };
}

/** The client that the hops lead to. A hop without an address leads to the hop that wrote it. */
function clientOf(hops: Hops): ClientAddress | null {
  const nodes = hops.elements.flatMap(({ client }) => (client === null ? [] : [client]));
  const node = nodes.at(-1);
  if (node === undefined) return null;
  if (node.address === null) return UNKNOWN_CLIENT;
  return { host: formatIpAddress(node.address), port: node.port ?? "" };
}

/**
 * What `Forwarded` says. Of scheme and host, the proxy that is nearest to the client counts, since
 * only it has seen what the client asked for; one that says nothing leaves the word to the next.
 *
 * A host that is not believed is not seen either: then nothing of the field is.
 *
 * @see RFC 7239 sections 5.3 and 5.4
 */
export function readForwarded(
  value: string,
  section: HeaderSection,
  believed: BelievedFields,
  proxies: IpNetworks,
): Claim {
  const hops = readHops(value, lastForwardedElement, proxies);
  const fromClient = hops.elements.toReversed();
  const host = first(fromClient, (element) => believableHost(element.host));
  const isBelieved = isHostBelieved(section, believed.forwardedHost);
  const isOther = host?.toLowerCase() !== section.host?.toLowerCase();
  const isHostDenied = host !== null && !isBelieved && isOther;
  return {
    client: clientOf(hops),
    scheme: first(fromClient, ({ proto }) => believableScheme(proto)),
    host: isBelieved ? host : null,
    isHostDenied,
    believedList: isHostDenied ? null : hops.believedList,
  };
}

function first<T>(
  elements: readonly ForwardedElement[],
  read: (element: ForwardedElement) => T | null,
): T | null {
  for (const element of elements) {
    const value = read(element);
    if (value !== null) return value;
  }
  return null;
}

/** What the X-Forwarded-... fields say, as far as they are believed. */
export function readXForwarded(
  section: HeaderSection,
  believed: BelievedFields,
  proxies: IpNetworks,
): Claim {
  const list = believed.xForwardedFor ? section.value("x-forwarded-for") : null;
  const hops: Hops =
    list === null
      ? { elements: [], believedList: null }
      : readHops(list, lastXForwardedFor, proxies);
  const lookedPast = Math.max(0, hops.elements.length - 1);
  const read = (isBelieved: boolean, name: string): string | null =>
    isBelieved ? memberAt(section.value(name), lookedPast) : null;
  const isBelieved = isHostBelieved(section, believed.xForwardedHost);
  const host = believableHost(read(isBelieved, "x-forwarded-host"));
  const port = host === null ? null : read(believed.xForwardedPort, "x-forwarded-port");
  return {
    client: clientOf(hops),
    scheme: believableScheme(read(believed.xForwardedProto, "x-forwarded-proto")),
    host: host === null ? null : withPort(host, port),
    isHostDenied: false,
    believedList: hops.believedList,
  };
}

/**
 * The member of X-Forwarded-Proto and the like that the proxy nearest to the client wrote.
 *
 * Most proxies replace the field, or hand on what the one before them wrote: then there is one
 * member, and it is meant. Where each proxy appends, there is one for each address in
 * X-Forwarded-For, so it stands as far from the right end as the client's address does. Anything
 * else cannot be told from what a client wrote.
 */
function memberAt(value: string | null, lookedPast: number): string | null {
  if (value === null) return null;
  const members = unquotedMembers(value);
  if (members.length === 1) return members[0] ?? null;
  return members.at(-1 - lookedPast) ?? null;
}

function isHostBelieved(section: HeaderSection, belief: HostBelief): boolean {
  if (belief !== "where-host-is-internal") return belief;
  return section.host === null || isInternal(section.host);
}

/**
 * Names that no site on the Internet can have: `internal` (ICANN board resolution 2024.07.29.06),
 * `cluster.local` and its like (RFC 6762), and the other special-use domain names of RFC 2606, RFC
 * 6761 and RFC 8375.
 */
const SPECIAL_USE_NAME =
  /\.(?:internal|local|localhost|test|invalid|home\.arpa|example|example\.(?:com|net|org))\.?$/i;

/**
 * Whether an authority is what a proxy calls a server behind it, rather than what somebody on the
 * Internet asked for: an IP address, a name without a dot as `localhost` is, or one in a domain
 * that is not the Internet's.
 */
function isInternal(authority: string): boolean {
  const host = parseAuthority(authority)?.host ?? "";
  if (host.startsWith("[") || !host.includes(".")) return true;
  return /^[0-9.]+$/.test(host) || SPECIAL_USE_NAME.test(`.${host}`);
}

function believableScheme(text: string | null): "http" | "https" | null {
  switch (text?.toLowerCase() ?? "") {
    case "https":
    case "wss":
      return "https";
    case "http":
    case "ws":
      return "http";
    default:
      return null;
  }
}

/** An authority that could stand in Host (RFC 9110 section 7.2), and names somebody. */
function believableHost(text: string | null): string | null {
  const authority = text === null ? null : parseAuthority(text);
  return authority === null || authority.host === "" ? null : text;
}

/** Adds the port to a host that has none. One that is no port is not believed. */
function withPort(host: string, port: string | null): string {
  if (port === null || !/^[0-9]{1,5}$/.test(port)) return host;
  const combined = `${host}:${port}`;
  return parseAuthority(host)?.port === null && parseAuthority(combined) !== null ? combined : host;
}
