/**
 * Which requests the live page's server listens to at all: those that reach it by a name of its
 * own, and, where something is asked or done, come from its own page or from no browser.
 *
 * Pure. Owns the two rules; who may look and change things is `token-gate.ts`.
 */
import { isIP } from "node:net";
import { parseAuthority } from "../../http/authority.ts";

/** What the rules go by. */
export interface RequestFacts {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** Sec-Fetch-Site, which every browser of today sends and no script can set. */
  readonly fetchSite: string | undefined;
}

/** The page itself, and a person who has typed the address. */
const OWN_SITES: ReadonlySet<string> = new Set(["same-origin", "none"]);

/**
 * A page of somebody else can have its own name resolved to this machine (DNS rebinding), and is
 * then of the same origin as far as a browser can tell. So without a token only names count that
 * nobody else can point here: an address, and `localhost` with all below it (RFC 6761).
 *
 * @param hasToken whoever has come here by any name still has to know the token
 */
export function isOwnHost(host: string | undefined, hasToken: boolean): boolean {
  const authority = host === undefined ? null : parseAuthority(host);
  if (authority === null || authority.host === "") return false;
  if (hasToken) return true;
  const name = authority.host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  return isIP(name) !== 0 || name === "localhost" || name.endsWith(".localhost");
}

/**
 * Whether a request that is more than looking at the page's files is none of another site's.
 *
 * The browser's own word counts first. It is not sent where a page comes over plain HTTP from
 * another machine; then the origin has to be the host that was asked.
 */
export function isOwnSite({ host, origin, fetchSite }: RequestFacts): boolean {
  if (fetchSite !== undefined) return OWN_SITES.has(fetchSite);
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
}

/** Whether only programs of this machine can come to an address. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === "localhost" || name === "::1") return true;
  return isIP(name) === 4 && name.startsWith("127.");
}
