/**
 * A second reader of responses, as naive as that of requests (`reference-parser.ts`): all bytes of
 * a connection at once, matched against the grammar. What `ResponseReceiver` makes of any bytes, in
 * any cut, is compared with it.
 */
import type { ResponseContentEnd } from "../../src/http1/response-head.ts";
import type { ResponseLimits } from "../../src/http1/response-receiver.ts";
import type { ResponseRecord } from "../http1/response-cut-and-replay.ts";
import { FIELD_LINE, FOLDED_LINE, listOf, matchAt, STATUS_LINE } from "./reference-grammar.ts";
import { readContent, Refusal } from "./reference-parser.ts";

export interface ReferenceAnswers {
  readonly responses: readonly ResponseRecord[];
  /** Interim responses that were skipped; of no meaning where something is refused. */
  readonly interim: number;
  /** Whether something is wrong behind the last of the responses. */
  readonly isRefused: boolean;
}

const SWITCHING_PROTOCOLS = 101;
const NO_CONTENT = [204, 304];
const BAD_GATEWAY = 502;

type Head = Omit<ResponseRecord, "content">;
type Fields = ResponseRecord["fields"];

/**
 * Reads all that a server sends on one connection, its end included.
 *
 * @param method of each request
 * @param requests how many there are: an answer is due to each
 */
export function readReferenceAnswers(
  bytes: Buffer,
  method: string,
  requests: number,
  limits: ResponseLimits,
): ReferenceAnswers {
  const text = bytes.toString("latin1");
  const responses: ResponseRecord[] = [];
  let interim = 0;
  let at = 0;
  try {
    while (responses.length < requests) {
      let head = readHead(text, at, method, limits);
      for (let count = 1; head.record.status < 200; count++) {
        if (head.record.status === SWITCHING_PROTOCOLS) throw new Refusal(BAD_GATEWAY);
        if (count > limits.interimCountMax) throw new Refusal(BAD_GATEWAY);
        interim++;
        head = readHead(text, head.end, method, limits);
      }
      const { content, end } = readAnswerContent(text, head.end, head.record.contentEnd, limits);
      responses.push({ ...head.record, content });
      if (!head.record.persistent) return { responses, interim, isRefused: false };
      at = end;
    }
    return { responses, interim, isRefused: at < text.length };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { responses, interim, isRefused: true };
  }
}

/** @throws {Refusal} also of one that is not complete */
function readHead(
  text: string,
  start: number,
  method: string,
  limits: ResponseLimits,
): { record: Head; end: number } {
  const line = matchAt(STATUS_LINE, text, start);
  if (line === null) throw new Refusal(BAD_GATEWAY);
  const [whole, minor, digits, reason = ""] = line;
  const { fields, end } = readFields(text, start + whole.length, limits);
  if (end - start > limits.headLimitBytes) throw new Refusal(BAD_GATEWAY);
  const status = Number(digits);
  const versionMinor = minor === "0" ? 0 : 1;
  const contentEnd = contentEndOf(method, status, versionMinor, fields);
  const options = listOf(linesOf(fields, "connection").join(", ").toLowerCase());
  const persistent =
    contentEnd.kind !== "until-close" &&
    method !== "CONNECT" &&
    !options.includes("close") &&
    (versionMinor === 1 || options.includes("keep-alive"));
  return { record: { status, versionMinor, reason, fields, contentEnd, persistent }, end };
}

/** RFC 9112 section 5; a line that goes on is one with the line before (section 5.2). */
function readFields(
  text: string,
  start: number,
  limits: ResponseLimits,
): { fields: Fields; end: number } {
  const fields: Fields = [];
  let at = start;
  while (!text.startsWith("\r\n", at)) {
    const folded = matchAt(FOLDED_LINE, text, at);
    const line = folded ?? matchAt(FIELD_LINE, text, at);
    if (line === null) throw new Refusal(BAD_GATEWAY);
    at += line[0].length;
    if (folded === null) {
      fields.push([(line[1] ?? "").toLowerCase(), line[2] ?? ""]);
      continue;
    }
    const before = fields.pop();
    if (before === undefined) throw new Refusal(BAD_GATEWAY);
    const [name, value] = before;
    fields.push([name, `${value} ${folded[1]}`.replace(/^[ \t]+|[ \t]+$/g, "")]);
  }
  if (fields.length > limits.fieldCountMax) throw new Refusal(BAD_GATEWAY);
  if (linesOf(fields, "content-length").length > 1) throw new Refusal(BAD_GATEWAY);
  return { fields, end: at + 2 };
}

/** RFC 9112 section 6.3, and stricter. */
function contentEndOf(
  method: string,
  status: number,
  versionMinor: number,
  fields: Fields,
): ResponseContentEnd {
  if (status < 200 || NO_CONTENT.includes(status) || method === "HEAD") return { kind: "none" };
  if (method === "CONNECT" && status < 300) return { kind: "none" };
  const codings = linesOf(fields, "transfer-encoding");
  const [length] = linesOf(fields, "content-length");
  if (codings.length > 0) {
    const isChunked = codings.join(", ").toLowerCase() === "chunked";
    if (!isChunked || length !== undefined || versionMinor === 0) throw new Refusal(BAD_GATEWAY);
    return { kind: "chunked" };
  }
  if (length === undefined) return { kind: "until-close" };
  if (!/^[0-9]+$/.test(length) || BigInt(length) > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Refusal(BAD_GATEWAY);
  }
  return { kind: "length", bytes: Number(length) };
}

function readAnswerContent(
  text: string,
  start: number,
  contentEnd: ResponseContentEnd,
  limits: ResponseLimits,
): { content: string; end: number } {
  const bytes =
    contentEnd.kind === "until-close"
      ? text.length - start
      : contentEnd.kind === "length"
        ? contentEnd.bytes
        : 0;
  if (bytes > limits.bodyLimitBytes) throw new Refusal(BAD_GATEWAY);
  if (contentEnd.kind === "until-close") return { content: text.slice(start), end: text.length };
  return readContent(text, start, contentEnd, limits);
}

function linesOf(fields: Fields, wanted: string): string[] {
  return fields.flatMap(([name, value]) => (name === wanted ? [value] : []));
}
