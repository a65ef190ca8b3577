/**
 * The names of the fields in which somebody in front claims to know who really asked, and for what.
 *
 * Owns the list. Whether a claim is believed is decided in `provenance.ts`.
 */

/** What load balancers, CDNs and older proxies write beside `Forwarded` and X-Forwarded-... */
const OTHER_NAMES: ReadonlySet<string> = new Set([
  "cf-connecting-ip",
  "cf-connecting-ipv6",
  "cf-ipcountry",
  "cf-pseudo-ipv4",
  "cf-visitor",
  "client-ip",
  "cloudfront-forwarded-proto",
  "cloudfront-viewer-address",
  "do-connecting-ip",
  "fastly-client-ip",
  "fastly-ssl",
  "fly-client-ip",
  "fly-forwarded-port",
  "fly-forwarded-proto",
  "forwarded",
  "forwarded-for",
  "front-end-https",
  "true-client-ip",
  "x-appengine-user-ip",
  "x-appservice-proto",
  "x-arr-ssl",
  "x-client-ip",
  "x-client-scheme",
  "x-cluster-client-ip",
  "x-envoy-external-address",
  "x-forwarded",
  "x-host",
  "x-original-for",
  "x-original-forwarded-for",
  "x-original-host",
  "x-original-proto",
  "x-original-uri",
  "x-original-url",
  "x-proxyuser-ip",
  "x-real-ip",
  "x-remote-addr",
  "x-remote-ip",
  "x-rewrite-url",
  "x-scheme",
  "x-script-name",
  "x-url-scheme",
]);

/**
 * Whether the field says what only a proxy can know: address, scheme, host, port, path prefix or
 * user of the original request.
 */
export function isForwardingField(lowerCaseName: string): boolean {
  return lowerCaseName.startsWith("x-forwarded-") || OTHER_NAMES.has(lowerCaseName);
}
