/**
 * Builds the environ of PEP 3333 from a request head: the part that a client repeats (a template)
 * and the part that changes with each request (the path). Pure functions over strings in which each
 * character is one byte.
 */
import type { HeaderSection } from "../http1/request-head.ts";
import type { SocketAddress } from "../os/socket-address.ts";
import type { Endpoints } from "./handler.ts";

type Entry = readonly [name: string, value: string];

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

/**
 * The environ entries that hold for each request with this header section on this connection.
 *
 * @param authority of an absolute-form target: it overrides Host (RFC 9112 section 3.2.2); else
 *   null
 */
export function environEntries(
  section: HeaderSection,
  authority: string | null,
  endpoints: Endpoints,
): Entry[] {
  const host = authority ?? section.host;
  const entries: Entry[] = [
    ["REQUEST_METHOD", section.method],
    ["SERVER_PROTOCOL", section.versionMinor === 1 ? "HTTP/1.1" : "HTTP/1.0"],
    ["SERVER_NAME", serverName(endpoints.local, host)],
    ["SERVER_PORT", serverPort(endpoints, host)],
    ["REMOTE_ADDR", endpoints.remote.family === "unix" ? "" : endpoints.remote.host],
    ["REMOTE_PORT", endpoints.remote.family === "unix" ? "" : String(endpoints.remote.port)],
    ["wsgi.url_scheme", endpoints.scheme],
  ];
  for (const name of new Set(section.names)) {
    if (OMITTED_FIELDS.has(name) || name.includes("_")) continue;
    const value = name === "host" ? host : section.value(name);
    entries.push([environName(name), value ?? ""]);
  }
  addContentField(entries, "CONTENT_TYPE", section.value("content-type"));
  addContentField(entries, "CONTENT_LENGTH", section.value("content-length"));
  if (authority !== null && section.host === null) entries.push(["HTTP_HOST", authority]);
  return entries;
}

/**
 * A field name with an underscore is dropped, not translated: `X_Forwarded_For` would overwrite
 * what a proxy put into `X-Forwarded-For`.
 */
function environName(fieldName: string): string {
  return `HTTP_${fieldName.toUpperCase().replaceAll("-", "_")}`;
}

function addContentField(entries: Entry[], name: string, value: string | null): void {
  if (value !== null) entries.push([name, value]);
}

/**
 * PEP 3333: SERVER_NAME and SERVER_PORT can never be empty, whatever kind of socket the request
 * came by.
 */
function serverName(local: SocketAddress, host: string | null): string {
  if (local.family !== "unix") return local.host;
  const name = host === null ? "" : host.replace(/:\d*$/, "");
  return name === "" ? "localhost" : name;
}

function serverPort(endpoints: Endpoints, host: string | null): string {
  if (endpoints.local.family !== "unix") return String(endpoints.local.port);
  const port = /:(\d+)$/.exec(host ?? "")?.[1];
  return port ?? (endpoints.scheme === "https" ? "443" : "80");
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
