/**
 * Builds the environ of PEP 3333 from a request head: the part that a client repeats (a template)
 * and the part that changes with each request (the path). Pure functions over strings in which each
 * character is one byte.
 */
import { parseAuthority } from "../http/authority.ts";
import type { HeaderSection } from "../http1/request-head.ts";
import type { OutgoingTrace } from "../http/trace-context.ts";
import type { SocketAddress } from "../os/socket-address.ts";
import type { EnvironEntry } from "../workers/application-request.ts";
import { type HeaderMap, isCombinable } from "./header-map.ts";
import type { Provenance } from "./provenance.ts";

/**
 * Fields that never reach the application as `HTTP_...`.
 *
 * - content-type and content-length have names of their own (PEP 3333, "environ Variables").
 * - transfer-encoding: the content has been decoded, and CONTENT_LENGTH says how long it is (RFC
 *   9112 section 7.1.3).
 * - proxy: HTTP_PROXY is what many clients take for a setting of theirs ("httpoxy").
 */
const OMITTED_FIELDS: ReadonlySet<string> = new Set([
  "content-type",
  "content-length",
  "transfer-encoding",
  "proxy",
]);

const DEFAULT_PORT = { http: "80", https: "443" } as const;

/**
 * The environ entries that hold for each request with this header section and this provenance.
 *
 * @param provenance of a request with this section: its client, scheme and host take the place of
 *   the socket's and of Host
 * @param local the address that the client's connection was made to
 */
export function environEntries(
  section: HeaderSection,
  provenance: Provenance,
  local: SocketAddress,
  headerMap: HeaderMap,
): EnvironEntry[] {
  const { host, overrides } = provenance;
  const [serverName, serverPort] = serverAddress(provenance, local);
  const entries: EnvironEntry[] = [
    ["REQUEST_METHOD", section.method],
    ["SERVER_PROTOCOL", section.versionMinor === 1 ? "HTTP/1.1" : "HTTP/1.0"],
    ["SERVER_NAME", serverName],
    ["SERVER_PORT", serverPort],
    ["REMOTE_ADDR", provenance.remoteHost],
    ["REMOTE_PORT", provenance.remotePort],
    ["wsgi.url_scheme", provenance.scheme],
  ];
  if (host !== null) entries.push(["HTTP_HOST", host]);
  let hasUnderscore = false;
  for (const name of new Set(section.names)) {
    if (OMITTED_FIELDS.has(name) || name === "host") continue;
    if (name.includes("_")) {
      hasUnderscore = true;
      continue;
    }
    const override = overrides.get(name);
    const value = override === undefined ? section.value(name) : override;
    if (value !== null) entries.push([environName(name), value]);
  }
  addContentField(entries, "CONTENT_TYPE", section.value("content-type"));
  addContentField(entries, "CONTENT_LENGTH", section.value("content-length"));
  return hasUnderscore && headerMap === "dangerous" ? withUnderscores(entries, section) : entries;
}

/** The same without what the client says of its trace, for requests that have one of their own. */
export function withoutTrace(entries: readonly EnvironEntry[]): EnvironEntry[] {
  return entries.filter(([name]) => name !== "HTTP_TRACEPARENT" && name !== "HTTP_TRACESTATE");
}

/** What the application is told in its place: our span is the parent of whatever it does. */
export function traceEntries({ traceparent, tracestate }: OutgoingTrace): EnvironEntry[] {
  const entries: EnvironEntry[] = [["HTTP_TRACEPARENT", traceparent]];
  if (tracestate !== null) entries.push(["HTTP_TRACESTATE", tracestate]);
  return entries;
}

function environName(fieldName: string): string {
  return `HTTP_${fieldName.toUpperCase().replaceAll("-", "_")}`;
}

/** Combines fields whose names have an underscore with those that CGI takes for the same. */
function withUnderscores(entries: readonly EnvironEntry[], section: HeaderSection): EnvironEntry[] {
  const values = new Map(entries);
  for (const name of new Set(section.names)) {
    if (!name.includes("_") || !isCombinable(name)) continue;
    const value = section.value(name) ?? "";
    const before = values.get(environName(name));
    values.set(environName(name), before === undefined ? value : `${before}, ${value}`);
  }
  return [...values];
}

function addContentField(entries: EnvironEntry[], name: string, value: string | null): void {
  if (value !== null) entries.push([name, value]);
}

/**
 * SERVER_NAME and SERVER_PORT: the socket's, or where that says nothing to the client (behind a
 * proxy, or on a Unix socket) what the client asked for. Never empty, as PEP 3333 demands.
 */
function serverAddress(
  { forwarded, host, scheme }: Provenance,
  local: SocketAddress,
): readonly [name: string, port: string] {
  if (local.family !== "unix" && !forwarded) return [local.host, String(local.port)];
  const authority = host === null ? null : parseAuthority(host);
  const fallback = local.family === "unix" ? "localhost" : local.host;
  return [authority?.host || fallback, authority?.port || DEFAULT_PORT[scheme]];
}

/**
 * PATH_INFO: the decoded path behind the root path. A proxy may have taken the root path off
 * already, so a path outside it is left as it is.
 *
 * @param rootPath "" or a path that begins with "/" and does not end with it
 */
export function pathInfo(decodedPath: string, rootPath: string): string {
  if (rootPath === "" || !decodedPath.startsWith(rootPath)) return decodedPath;
  const rest = decodedPath.slice(rootPath.length);
  return rest === "" || rest.startsWith("/") ? rest : decodedPath;
}
