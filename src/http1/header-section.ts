/**
 * Makes a {@link HeaderSection} of a scanned header section: names, values, and what the fields
 * mean for the message (Host, framing, Connection, Expect).
 *
 * Sees whole sections only. The scanner has checked that names are tokens and values hold no
 * controls.
 */
import { parseAuthority } from "../http/authority.ts";
import { fieldSeparator, listMembers } from "../http/fields.ts";
import { announcesContent, decideFraming } from "./framing.ts";
import { knownFieldAt, type FieldRole } from "./known-fields.ts";
import { HeaderSection, type RequestTarget, type VersionMinor } from "./request-head.ts";
import { violation } from "./violations.ts";

/** Entries of the scanner's offsets for each field line: where name and value begin and end. */
export const OFFSETS_PER_FIELD = 4;

/**
 * Reads a header section.
 *
 * @param bytes   hold the section in `[start..end)`
 * @param offsets {@link OFFSETS_PER_FIELD} positions for each field line, counted from `start`;
 *   those of values without the white space around them
 * @param count   number of field lines
 * @throws {ProtocolError} for repeated single-valued fields, Host, framing (400, 501) and Expect
 *   (417)
 * @bound O(end - start)
 * @see RFC 9110 sections 5.3, 7.2, 7.6.1 and 10.1.1, RFC 9112 sections 3.2, 6.3 and 9.3
 */
export function readHeaderSection(
  method: string,
  versionMinor: VersionMinor,
  bytes: Buffer,
  start: number,
  end: number,
  offsets: readonly number[],
  count: number,
): HeaderSection {
  const text = bytes.toString("latin1", start, end);
  let lowerCaseText = "";
  const names: string[] = [];
  const values: string[] = [];
  let singletons = 0;
  let host: string | null = null;
  let contentLength: string | null = null;
  let transferEncoding: string | null = null;
  let connection: string | null = null;
  let expect: string | null = null;
  for (let at = 0; at < count * OFFSETS_PER_FIELD; at += OFFSETS_PER_FIELD) {
    const nameStart = offsets[at] as number;
    const nameEnd = offsets[at + 1] as number;
    const value = text.slice(offsets[at + 2], offsets[at + 3]);
    values.push(value);
    const known = knownFieldAt(bytes, start + nameStart, start + nameEnd);
    if (known === null) {
      // One conversion for all unknown names costs less than one for each.
      if (lowerCaseText === "") lowerCaseText = text.toLowerCase();
      names.push(lowerCaseText.slice(nameStart, nameEnd));
      continue;
    }
    const { name, role, singletonBit } = known;
    names.push(name);
    if ((singletons & singletonBit) !== 0) throw repeated(role);
    singletons |= singletonBit;
    if (role === "none") continue;
    if (role === "host") host = value;
    else if (role === "connection") connection = combined(name, connection, value);
    else if (role === "content-length") contentLength = value;
    else if (role === "expect") expect = combined(name, expect, value);
    else transferEncoding = combined(name, transferEncoding, value);
  }
  checkHost(versionMinor, host);
  const framing = decideFraming(versionMinor, transferEncoding, contentLength);
  const expectsContinue = expect !== null && isContinueExpected(versionMinor, expect);
  return new HeaderSection(
    method,
    versionMinor,
    names,
    values,
    framing,
    isPersistent(method, versionMinor, connection),
    expectsContinue && announcesContent(framing),
    host,
  );
}

function combined(name: string, before: string | null, value: string): string {
  return before === null ? value : before + fieldSeparator(name) + value;
}

function repeated(role: FieldRole): Error {
  if (role === "host") return violation("HOST_REPEATED");
  return violation(role === "content-length" ? "CONTENT_LENGTH_REPEATED" : "FIELD_REPEATED");
}

/**
 * Host is required on HTTP/1.1, and must have the form of an authority without userinfo.
 *
 * An empty value has that form (RFC 9112 section 3.2): whether it is enough, depends on the target,
 * see {@link checkTargetHost}. A port without a host names nothing.
 */
function checkHost(versionMinor: VersionMinor, host: string | null): void {
  if (host === null) {
    if (versionMinor === 1) throw violation("HOST_MISSING");
    return;
  }
  const authority = parseAuthority(host);
  if (authority === null || (authority.host === "" && host !== "")) throw violation("HOST_INVALID");
}

/**
 * A request for an http URI with an empty host is refused (RFC 9110 section 4.2.1), and there is no
 * default to take in its place (RFC 9112 section 3.3). A target with an authority of its own does
 * not need Host (section 3.2.2).
 *
 * @throws {ProtocolError} HOST_INVALID (400)
 */
export function checkTargetHost(target: RequestTarget, section: HeaderSection): void {
  if (section.host === "" && target.authority === null) throw violation("HOST_INVALID");
}

/**
 * RFC 9112 section 9.3: `close` is obeyed wherever it stands; HTTP/1.0 persists only by
 * `keep-alive`.
 *
 * CONNECT is the last request in any case: a proxy's client may send the first bytes of its tunnel
 * without waiting for the answer, and they are not requests of that proxy.
 */
function isPersistent(
  method: string,
  versionMinor: VersionMinor,
  connection: string | null,
): boolean {
  if (method === "CONNECT") return false;
  if (connection === null) return versionMinor === 1;
  const options = listMembers(connection.toLowerCase());
  if (options.includes("close")) return false;
  return versionMinor === 1 || options.includes("keep-alive");
}

/**
 * @returns false on HTTP/1.0, whose clients do not know interim responses (RFC 9110 section 10.1.1)
 */
function isContinueExpected(versionMinor: VersionMinor, expect: string): boolean {
  const expectations = listMembers(expect.toLowerCase());
  if (expectations.some((expectation) => expectation !== "100-continue")) {
    throw violation("EXPECTATION_UNKNOWN");
  }
  return versionMinor === 1 && expectations.length > 0;
}
