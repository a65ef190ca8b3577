/**
 * Answers as {@link ResponseWriter} takes them: those that the gateway gives itself, and those to
 * which it adds fields.
 */
import type { Admission, GatewayAnswer } from "../handlers/admission.ts";
import type { ErrorPages } from "../http/error-page.ts";
import { listMembers } from "../http/fields.ts";
import { REASON_PHRASES } from "../http/status.ts";
import type { HeaderSection } from "../http1/request-head.ts";

/** A head and the content directly behind it. */
export interface WrittenAnswer {
  readonly status: number;
  readonly contentLength: number | null;
  readonly bytes: Buffer;
  readonly headStart: number;
  readonly headEnd: number;
  readonly contentEnd: number;
}

const DROPPED_CONTENT_MAX_BYTES = 65_536;
/** Where nobody knows better. */
const RETRY_AFTER_SECONDS = 1;
const LF = 0x0a;
const COLON = 0x3a;
const LINE_END_BYTES = 2;

/**
 * Whether the content of a request that the gateway answers by itself is taken, and dropped, so
 * that the connection can go on; else the answer leaves at once, and the connection closes. A
 * client that waits for 100 (Continue) has nothing to send yet.
 */
export function isWorthTaking({ framing, expectsContinue }: HeaderSection): boolean {
  const isSmall = framing.kind === "length" && framing.bytes <= DROPPED_CONTENT_MAX_BYTES;
  return isSmall && !expectsContinue;
}

/** A page with an error, and the fields that belong to the status. */
export function errorAnswer(
  pages: ErrorPages,
  status: number,
  detail: string | null,
): WrittenAnswer {
  return gatewayAnswer(pages, { status, fields: "", detail, content: null });
}

/**
 * @param more what belongs to this one request: the id that a page shows, and when to come again
 *   after a 503
 */
export function gatewayAnswer(
  pages: ErrorPages,
  answer: GatewayAnswer,
  more: { readonly requestId?: string; readonly retryAfterSeconds?: number } = {},
): WrittenAnswer {
  const { status, detail } = answer;
  const { requestId = null, retryAfterSeconds = RETRY_AFTER_SECONDS } = more;
  const page = answer.content === null ? pages.page(status, detail, requestId) : null;
  const content = page?.content ?? answer.content ?? Buffer.alloc(0);
  // Some errors may be cached by default (RFC 9110 section 15.1): one that an attacker provokes
  // must not reach others by a cache in between.
  const pageLines =
    page === null ? "" : `Content-Type: ${page.contentType}\r\nCache-Control: no-store\r\n`;
  // For those who may come again (RFC 9110 section 10.2.3).
  const retryLine = status === 503 ? `Retry-After: ${retryAfterSeconds}\r\n` : "";
  const head = Buffer.from(
    `${status} ${REASON_PHRASES[status] ?? ""}\r\n${answer.fields}${retryLine}${pageLines}` +
      `Content-Length: ${content.length}\r\n`,
    "latin1",
  );
  const bytes = Buffer.concat([head, content]);
  return {
    status,
    contentLength: content.length,
    bytes,
    headStart: 0,
    headEnd: head.length,
    contentEnd: bytes.length,
  };
}

/**
 * The same answer with the fields that an admission adds, in place of those that it replaces.
 *
 * Vary becomes one line, since there are caches that read only the last one (nginx before 1.23).
 */
export function withAddedFields(answer: WrittenAnswer, admission: Admission | null): WrittenAnswer {
  if (admission === null) return answer;
  const { bytes, headStart, headEnd, contentEnd } = answer;
  const { fields, replacedFields, vary } = admission;
  if (fields === "" && replacedFields.size === 0 && vary.length === 0) return answer;
  const pieces: Buffer[] = [];
  const varying: string[] = [];
  for (let start = headStart; start < headEnd;) {
    const next = bytes.indexOf(LF, start) + 1;
    const name = start === headStart ? "" : nameAt(bytes, start);
    if (name === "vary" && vary.length > 0) varying.push(valueAt(bytes, start, next));
    else if (!replacedFields.has(name)) pieces.push(bytes.subarray(start, next));
    start = next;
  }
  const varyLine = vary.length === 0 ? "" : `Vary: ${unionOfVary(varying, vary)}\r\n`;
  pieces.push(Buffer.from(fields + varyLine, "latin1"));
  const headLength = pieces.reduce((sum, piece) => sum + piece.length, 0);
  pieces.push(bytes.subarray(headEnd, contentEnd));
  const joined = Buffer.concat(pieces);
  return {
    ...answer,
    bytes: joined,
    headStart: 0,
    headEnd: headLength,
    contentEnd: joined.length,
  };
}

/** The name of the field line at `start`, lower-case. */
function nameAt(bytes: Buffer, start: number): string {
  return bytes.toString("latin1", start, bytes.indexOf(COLON, start)).toLowerCase();
}

/** The value of the field line at `start`. */
function valueAt(bytes: Buffer, start: number, end: number): string {
  const line = bytes.toString("latin1", start, end - LINE_END_BYTES);
  return line.slice(line.indexOf(":") + 1);
}

/** All members, each once in whatever case; `*` swallows them (RFC 9110 section 12.5.5). */
function unionOfVary(values: readonly string[], added: readonly string[]): string {
  const members = [...values.flatMap((value) => listMembers(value)), ...added];
  if (members.includes("*")) return "*";
  const byName = new Map<string, string>();
  for (const member of members) {
    const name = member.toLowerCase();
    if (!byName.has(name)) byName.set(name, member);
  }
  return [...byName.values()].join(", ");
}
