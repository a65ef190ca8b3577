/**
 * Decides how the content of a request is framed: the only place that does (RFC 9112 sections 6.1
 * to 6.3).
 *
 * Refuses what the RFC lets a server repair, because a front end may repair it differently, and
 * then one request's content is the next one's head (section 11.2).
 */
import { isToken, listMembers, trimOws } from "../http/fields.ts";
import type { Framing, VersionMinor } from "./request-head.ts";
import { violation } from "./violations.ts";

const NO_CONTENT: Framing = { kind: "none" };
const CHUNKED: Framing = { kind: "chunked" };

/**
 * How many bytes of content follow a head.
 *
 * @param transferEncoding the field's lines combined, or null
 * @param contentLength    the field's only line, or null
 * @throws {ProtocolError} TRANSFER_ENCODING_ON_1_0, FRAMING_CONFLICT, TRANSFER_ENCODING_INVALID,
 *   CONTENT_LENGTH_INVALID (400), CODING_UNSUPPORTED (501)
 */
export function decideFraming(
  versionMinor: VersionMinor,
  transferEncoding: string | null,
  contentLength: string | null,
): Framing {
  if (transferEncoding !== null) {
    if (versionMinor === 0) throw violation("TRANSFER_ENCODING_ON_1_0");
    if (contentLength !== null) throw violation("FRAMING_CONFLICT");
    if (transferEncoding.toLowerCase() !== "chunked") throw codingViolation(transferEncoding);
    return CHUNKED;
  }
  if (contentLength === null) return NO_CONTENT;
  return { kind: "length", bytes: decimal(contentLength) };
}

/**
 * 501 where other codings lie below a chunked that is last and once, so that the message does have
 * an end; 400 where it has none (section 6.3, rule 4), where one of them is no coding at all, and
 * where only empty list members stand beside `chunked`.
 */
function codingViolation(transferEncoding: string): Error {
  const codings = listMembers(transferEncoding.toLowerCase());
  const first = codings.indexOf("chunked");
  const isFinal = first !== -1 && first === codings.length - 1;
  const isKnowable = isFinal && codings.length > 1 && codings.every(isTransferCoding);
  return violation(isKnowable ? "CODING_UNSUPPORTED" : "TRANSFER_ENCODING_INVALID");
}

/** Whether it begins with a name; its parameters would be for whoever knows the coding. */
function isTransferCoding(member: string): boolean {
  const parametersAt = member.indexOf(";");
  return isToken(trimOws(parametersAt === -1 ? member : member.slice(0, parametersAt)));
}

/** `1*DIGIT`, at most 2^53 - 1: beyond that a number is not exact (RFC 9110 section 8.6). */
function decimal(text: string): number {
  let value = 0;
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) throw violation("CONTENT_LENGTH_INVALID");
    value = value * 10 + digit;
    if (value > Number.MAX_SAFE_INTEGER) throw violation("CONTENT_LENGTH_INVALID");
  }
  if (text === "") throw violation("CONTENT_LENGTH_INVALID");
  return value;
}

/** Whether there is any content to come; it can still turn out empty where it is chunked. */
export function announcesContent(framing: Framing): boolean {
  return framing.kind === "chunked" || (framing.kind === "length" && framing.bytes > 0);
}
