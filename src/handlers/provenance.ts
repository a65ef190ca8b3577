/**
 * Where a request comes from and what it was addressed to, as far as that can be believed.
 *
 * The socket tells who the peer is. Where the peer is a proxy of ours, it is believed about the
 * client; nobody else is believed about anything. What is not believed the application does not
 * see, so that no code behind it can be fooled.
 */
import { parseIpAddress } from "../http/ip-address.ts";
import type { IpNetworks } from "../http/ip-network.ts";
import { parseAuthority } from "../http/authority.ts";
import { isToken } from "../http/fields.ts";
import { parseTraceparent } from "../http/trace-context.ts";
import type { HeaderSection, RequestHead } from "../http1/request-head.ts";
import type { SocketAddress } from "../os/socket-address.ts";
import {
  type BelievedFields,
  type Claim,
  readForwarded,
  readXForwarded,
} from "./forwarded-claim.ts";
import { isForwardingField } from "./forwarding-fields.ts";
import type { Endpoints } from "./handler.ts";

export interface Provenance {
  /** Numeric address of the client; "" where it is not known. */
  readonly remoteHost: string;
  /** "" where it is not known. */
  readonly remotePort: string;
  readonly scheme: "http" | "https";
  /**
   * The authority of an absolute-form target, else what a trusted proxy says, else Host; null for
   * none.
   */
  readonly host: string | null;
  /** Scheme or host are a proxy's word: the address of our own socket does not belong to them. */
  readonly forwarded: boolean;
  /**
   * The proxy's fields contradict each other. One side can be the client's, and which one cannot be
   * told, so none is believed, and the request is to be refused.
   */
  readonly contradictory: boolean;
  /**
   * What a trusted proxy calls the request (X-Request-ID), or else its trace (traceparent); null
   * where none says.
   */
  readonly requestId: string | null;
  /**
   * What the application sees of a field in place of its value, by lower-case name; null: nothing.
   */
  readonly overrides: ReadonlyMap<string, string | null>;
}

/** Believes what usual proxies write themselves, and refuses what could as well be the client's. */
export const CAREFUL: BelievedFields = {
  forwarded: true,
  forwardedHost: "where-host-is-internal",
  xForwardedFor: true,
  xForwardedProto: true,
  xForwardedHost: "where-host-is-internal",
  xForwardedPort: false,
};

/** Believes everything that usual proxies write, from proxies that an operator has named. */
export const TRUSTING: BelievedFields = {
  ...CAREFUL,
  forwardedHost: true,
  xForwardedHost: true,
};

const NO_OVERRIDES: ReadonlyMap<string, string | null> = new Map();
const NO_CLAIM: Claim = {
  client: null,
  scheme: null,
  host: null,
  isHostDenied: false,
  believedList: null,
};
const DEFAULT_PORT = { http: "80", https: "443" } as const;
/** Characters of a proxy's X-Request-ID; a longer one is not taken. */
const REQUEST_ID_LENGTH_MAX = 128;

export class ProvenanceReader {
  readonly #proxies: IpNetworks;
  readonly #believed: BelievedFields;

  /**
   * @param proxies  peers that are believed. `*` believes every peer, but makes no proxy of an
   *   address in a list: otherwise everything that a client invents would be looked past
   */
  constructor(proxies: IpNetworks, believed: BelievedFields = CAREFUL) {
    this.#proxies = proxies;
    this.#believed = believed;
  }

  /** Pure: the same head on the same connection always gives the same. */
  read(head: RequestHead, endpoints: Endpoints): Provenance {
    const { section } = head;
    const claimed = section.names.filter((name) => isForwardingField(name));
    const namesRequest =
      section.names.includes("x-request-id") || section.names.includes("traceparent");
    if (claimed.length === 0 && !namesRequest) return ofConnection(head, endpoints);
    if (!this.believes(endpoints)) {
      return { ...ofConnection(head, endpoints), overrides: nothingOf(claimed) };
    }
    const requestId = namesRequest ? readRequestId(section) : null;
    if (claimed.length === 0) return { ...ofConnection(head, endpoints), requestId };
    const forwarded = this.#believed.forwarded ? section.value("forwarded") : null;
    const byForwarded =
      forwarded === null ? null : readForwarded(forwarded, section, this.#believed, this.#proxies);
    const byXForwarded = this.#hasXForwarded(section)
      ? readXForwarded(section, this.#believed, this.#proxies)
      : null;
    const claim = byXForwarded ?? byForwarded ?? NO_CLAIM;
    const result = ofClaim(head, endpoints, claim);
    if (byForwarded !== null && byXForwarded !== null) {
      const other = ofClaim(head, endpoints, byForwarded);
      if (byForwarded.isHostDenied || !agree(result, other)) {
        const overrides = nothingOf(claimed);
        return { ...ofConnection(head, endpoints), overrides, contradictory: true, requestId };
      }
    }
    return {
      ...result,
      requestId,
      overrides: overridesFor(section, claimed, result, byForwarded, byXForwarded),
    };
  }

  /** Whether the other end of a connection is believed about its clients. */
  believes(endpoints: Endpoints): boolean {
    return endpoints.remoteIsProxy ?? this.trusts(endpoints.remote);
  }

  /** Whether a peer at this address is believed about its clients. */
  trusts(peer: SocketAddress): boolean {
    return peer.family === "unix" || this.#proxies.contains(peer.host);
  }

  /**
   * Whether an address that is known by hearsay is one of a proxy of ours. Not by `*`, which is
   * about the peers themselves, nor by being a Unix socket's, which may be another machine's.
   */
  namesProxy(address: SocketAddress): boolean {
    const parsed = address.family === "unix" ? null : parseIpAddress(address.host);
    return parsed !== null && this.#proxies.names(parsed);
  }

  /** Whether a field of the X-Forwarded family is there that is believed. */
  #hasXForwarded({ names }: HeaderSection): boolean {
    const { xForwardedFor, xForwardedProto, xForwardedHost } = this.#believed;
    return (
      (xForwardedFor && names.includes("x-forwarded-for")) ||
      (xForwardedProto && names.includes("x-forwarded-proto")) ||
      (xForwardedHost !== false && names.includes("x-forwarded-host"))
    );
  }
}

function nothingOf(names: readonly string[]): ReadonlyMap<string, null> {
  return new Map(names.map((name) => [name, null]));
}

/**
 * An id goes into a field, a page and the log: whatever is not plainly one is not taken. Where
 * there is none, a request that belongs to a trace is called as that.
 */
function readRequestId(section: HeaderSection): string | null {
  const id = section.value("x-request-id");
  if (id !== null && id.length <= REQUEST_ID_LENGTH_MAX && isToken(id)) return id;
  const traceparent = section.value("traceparent");
  return traceparent === null ? null : (parseTraceparent(traceparent)?.traceId ?? null);
}

function ofConnection(head: RequestHead, { remote, scheme }: Endpoints): Provenance {
  return {
    remoteHost: remote.family === "unix" ? "" : remote.host,
    remotePort: remote.family === "unix" ? "" : String(remote.port),
    scheme,
    host: head.authority ?? head.section.host,
    forwarded: false,
    contradictory: false,
    requestId: null,
    overrides: NO_OVERRIDES,
  };
}

function ofClaim(head: RequestHead, endpoints: Endpoints, claim: Claim): Provenance {
  const plain = ofConnection(head, endpoints);
  return {
    ...plain,
    remoteHost: claim.client?.host ?? plain.remoteHost,
    remotePort: claim.client?.port ?? plain.remotePort,
    scheme: claim.scheme ?? plain.scheme,
    host: head.authority ?? claim.host ?? plain.host,
    forwarded: claim.scheme !== null || claim.host !== null,
  };
}

function agree(one: Provenance, other: Provenance): boolean {
  return (
    one.remoteHost === other.remoteHost &&
    one.scheme === other.scheme &&
    one.host?.toLowerCase() === other.host?.toLowerCase()
  );
}

/**
 * What the application sees of the claims: the lists are cut to the part that proxies wrote, and
 * scheme, host and port say what is believed.
 *
 * Other fields of a trusted proxy, such as X-Real-IP, are between it and the application.
 */
function overridesFor(
  section: HeaderSection,
  claimed: readonly string[],
  result: Provenance,
  byForwarded: Claim | null,
  byXForwarded: Claim | null,
): ReadonlyMap<string, string | null> {
  const overrides = new Map<string, string | null>();
  for (const name of claimed) {
    const believed = believedValue(name, result, byForwarded, byXForwarded);
    if (believed === undefined) continue;
    const isSaid = section.value(name)?.toLowerCase() === believed?.toLowerCase();
    if (!isSaid) overrides.set(name, believed);
  }
  return overrides;
}

/** @returns null where nothing is believed, undefined for a field that is not read */
function believedValue(
  name: string,
  { scheme, host }: Provenance,
  byForwarded: Claim | null,
  byXForwarded: Claim | null,
): string | null | undefined {
  switch (name) {
    case "forwarded":
      return byForwarded?.believedList ?? null;
    case "x-forwarded-for":
      return byXForwarded?.believedList ?? null;
    case "x-forwarded-proto":
      return scheme;
    case "x-forwarded-host":
      return host;
    case "x-forwarded-port":
      return (host === null ? null : parseAuthority(host)?.port) || DEFAULT_PORT[scheme];
    default:
      return undefined;
  }
}
