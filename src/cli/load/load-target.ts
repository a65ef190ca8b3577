/**
 * Whom a load is for: the URL taken apart, the request that is sent there, and the address.
 */
import { readFileSync, statSync } from "node:fs";
import { isIPv6 } from "node:net";
import { FIELD_VALUE } from "../../http1/grammar.ts";
import { isToken, trimOws } from "../../http/fields.ts";
import { UNIX_PATH_MAX_BYTES } from "../../os/socket-address.ts";
import { quote, usageError } from "../../options/given-values.ts";
import type { LoadArguments } from "./load-arguments.ts";

export type Place =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

export interface LoadTarget {
  /** As it is shown. */
  readonly url: string;
  readonly place: Place;
  readonly method: string;
  /** The whole request, one byte a character. */
  readonly request: string;
}

const HTTP_PORT = 80;
const UNIX_PREFIX = "unix:";
const BODY_MAX_BYTES = 268_435_456;
/** What the load itself says, since the framing and the connection are its own. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "transfer-encoding",
  "upgrade",
]);

/**
 * @throws {OperatorError} exit status 2: the URL is none of http, a method or a field is none, a
 *   file cannot be read
 */
export function loadTarget(args: LoadArguments, version: string): LoadTarget {
  const { url, place, host, target } = placeOf(args);
  const content = args.body === null ? null : contentOf(args.body);
  const method = args.method ?? (content === null ? "GET" : "POST");
  if (!isToken(method)) throw usageError(`--method: ${quote(method)} is no method`);
  if (method === "CONNECT") {
    throw usageError("--method: CONNECT asks a proxy for a tunnel, which is not spoken here");
  }
  const fields: [name: string, value: string][] = [
    ["Host", host],
    ["User-Agent", `portico-load/${version}`],
    ["Accept", "*/*"],
  ];
  for (const line of args.headers) addField(fields, line);
  if (content !== null) fields.push(["Content-Length", String(content.length)]);
  if (args.noKeepAlive) fields.push(["Connection", "close"]);
  const head = [
    `${method} ${target} HTTP/1.1`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
  ];
  const request = `${head.join("\r\n")}\r\n\r\n${content?.toString("latin1") ?? ""}`;
  return { url, place, method, request };
}

type Located = Pick<LoadTarget, "url" | "place"> & {
  readonly host: string;
  readonly target: string;
};

function placeOf({ url: text, unixSocket }: LoadArguments): Located {
  if (text.startsWith(UNIX_PREFIX)) {
    if (unixSocket !== null) throw usageError(`${quote(text)} is a Unix socket already`);
    const path = text.slice(UNIX_PREFIX.length);
    return { url: text, place: unixPlace(path), host: "localhost", target: "/" };
  }
  const url = parseUrl(text);
  const { hostname, port, pathname, search, host } = url;
  const target = `${pathname}${search}`;
  if (unixSocket !== null) return { url: url.href, place: unixPlace(unixSocket), host, target };
  const place = {
    kind: "tcp",
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? HTTP_PORT : Number(port),
  } as const;
  return { url: url.href, place, host, target };
}

function parseUrl(text: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === "https:") {
    throw usageError(
      "https is not spoken here: load the server where it speaks plain http, behind its TLS",
    );
  }
  if (url === null || !withScheme || url.protocol !== "http:") {
    throw usageError(
      `${quote(text)} is no URL that can be loaded; such as http://127.0.0.1:8000/ or unix:PATH`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw usageError("a URL with a user in it: say it with -H 'Authorization: ...' instead");
  }
  if (url.port === "0") throw usageError(`${quote(text)}: nobody listens on port 0`);
  url.hash = "";
  return url;
}

function unixPlace(path: string): Place {
  const length = Buffer.byteLength(path);
  if (length === 0) throw usageError("the path is missing, as in unix:/run/portico.sock");
  if (length > UNIX_PATH_MAX_BYTES) {
    throw usageError(
      `a socket's path is at most ${UNIX_PATH_MAX_BYTES} bytes long, this is ${length}`,
    );
  }
  return { kind: "unix", path };
}

/** A field of the same name that the load would send by itself gives way, once. */
function addField(fields: [string, string][], line: string): void {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(0, colon));
  // On the wire a character is a byte; what is typed is UTF-8.
  const value = trimOws(Buffer.from(line.slice(colon + 1)).toString("latin1"));
  if (!isToken(name)) throw usageError(`--header: expected 'NAME: VALUE'; got ${quote(line)}`);
  if (Buffer.from(value, "latin1").some((byte) => FIELD_VALUE[byte] === 0)) {
    throw usageError(`--header: a control character in the value of ${name}`);
  }
  const lower = name.toLowerCase();
  if (OWN_FIELDS.has(lower)) throw usageError(`--header: ${name} is set by the load itself`);
  const ours = fields.findIndex(([other], index) => index < 3 && other.toLowerCase() === lower);
  if (ours < 0) fields.push([name, value]);
  else fields[ours] = [name, value];
}

function contentOf(body: string): Buffer {
  if (!body.startsWith("@")) return Buffer.from(body);
  const file = body.slice(1);
  try {
    const { size } = statSync(file);
    if (size > BODY_MAX_BYTES) {
      throw usageError(`--body: ${quote(file)} is larger than ${BODY_MAX_BYTES} bytes`);
    }
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw usageError(`--body: ${quote(file)} cannot be read (${code})`);
  }
}

/** `127.0.0.1:80`, `[::1]:80` or `unix:/run/a.sock`, for a person. */
export function formatPlace(place: Place): string {
  if (place.kind === "unix") return `${UNIX_PREFIX}${place.path}`;
  return `${isIPv6(place.host) ? `[${place.host}]` : place.host}:${place.port}`;
}
