/**
 * The four forms of a request-target and what each says about the target URI (RFC 9112 section
 * 3.2).
 *
 * The scanner has seen to it that the text holds no white space, control or fragment.
 */
import { parseAuthority } from "../http/authority.ts";
import { splitQuery } from "../http/target.ts";
import { RequestTarget } from "./request-head.ts";
import { violation } from "./violations.ts";

const ABSOLUTE_FORM = /^(https?):\/\/([^/?]*)(.*)$/is;

/**
 * Takes a request-target apart.
 *
 * @param raw     as sent, not empty
 * @param queryAt index of the first question mark, or -1
 * @throws {ProtocolError} TARGET_FORM (400): asterisk-form with a method other than OPTIONS,
 *   authority-form with one other than CONNECT, CONNECT with another form, or no form at all
 * @throws {ProtocolError} TARGET_URI (400): absolute-form that is not a valid http or https URI
 */
export function interpretTarget(method: string, raw: string, queryAt: number): RequestTarget {
  if (method === "CONNECT") return authorityForm(raw);
  if (raw.startsWith("/")) {
    return queryAt === -1
      ? new RequestTarget(raw, "origin", raw, "", null)
      : new RequestTarget(raw, "origin", raw.slice(0, queryAt), raw.slice(queryAt + 1), null);
  }
  if (raw === "*" && method === "OPTIONS") return new RequestTarget(raw, "asterisk", "*", "", null);
  return absoluteForm(method, raw);
}

/** `uri-host ":" port`; the port is not optional (RFC 9112 section 3.2.3). */
function authorityForm(raw: string): RequestTarget {
  const authority = parseAuthority(raw);
  if (authority === null || authority.host === "" || !authority.port) {
    throw violation("TARGET_FORM");
  }
  return new RequestTarget(raw, "authority", "", "", raw);
}

/**
 * An http or https URI. Userinfo is refused, because it mostly serves to hide what the host is, and
 * an empty host is (RFC 9110 sections 4.2.1 and 4.2.4).
 */
function absoluteForm(method: string, raw: string): RequestTarget {
  const match = ABSOLUTE_FORM.exec(raw);
  if (match === null)
    throw violation(/^[a-z][-a-z0-9+.]*:/i.test(raw) ? "TARGET_URI" : "TARGET_FORM");
  const scheme = match[1]?.length === "https".length ? "https" : "http";
  const authority = match[2] ?? "";
  const rest = match[3] ?? "";
  const host = parseAuthority(authority)?.host ?? "";
  if (host === "") throw violation("TARGET_URI");
  // What a proxy would have sent on as "*" (RFC 9112 section 3.2.4).
  if (rest === "" && method === "OPTIONS") {
    return new RequestTarget(raw, "asterisk", "*", "", authority, scheme);
  }
  const { path, query } = splitQuery(rest);
  return new RequestTarget(raw, "absolute", path === "" ? "/" : path, query, authority, scheme);
}
