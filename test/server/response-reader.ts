/**
 * Reads responses as a strict client does, to see what one would make of the bytes. Written from
 * RFC 9112 section 6.3, not from the code under test.
 */
import assert from "node:assert/strict";

export interface ReadResponse {
  readonly status: number;
  readonly reason: string;
  /** By lower-case name. */
  readonly fields: ReadonlyMap<string, string>;
  readonly content: string;
  /** Whether the content's end was there. Never so where only the connection's end tells. */
  readonly complete: boolean;
}

/**
 * Takes the responses to requests of these methods apart.
 *
 * @param methods one for each response that is expected
 * @throws {AssertionError} for what is not well-formed, and for bytes behind the last response
 */
export function readResponses(bytes: Buffer, ...methods: string[]): ReadResponse[] {
  const text = bytes.toString("latin1");
  const responses: ReadResponse[] = [];
  let at = 0;
  for (const method of methods) {
    const headEnd = text.indexOf("\r\n\r\n", at);
    assert.ok(headEnd >= 0, `a response to ${method} number ${responses.length} is there`);
    const [statusLine = "", ...lines] = text.slice(at, headEnd).split("\r\n");
    const match = /^HTTP\/1\.1 (\d{3}) ([\x20-\x7e]*)$/.exec(statusLine);
    assert.ok(match !== null, `a status line: ${JSON.stringify(statusLine)}`);
    const status = Number(match[1]);
    const fields = readFields(lines);
    const body = readContent(text, headEnd + 4, method, status, fields);
    at = body.end;
    responses.push({
      status,
      reason: match[2] ?? "",
      fields,
      content: body.content,
      complete: body.complete,
    });
  }
  assert.equal(text.slice(at), "", "nothing follows the last response");
  return responses;
}

/** The one response to a GET, or to another method. */
export function readResponse(bytes: Buffer, method = "GET"): ReadResponse {
  const [response] = readResponses(bytes, method);
  assert.ok(response !== undefined);
  return response;
}

function readFields(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~\w-]+): ([^\r\n\0]*)$/.exec(line);
    assert.ok(match !== null, `a field line: ${JSON.stringify(line)}`);
    const name = (match[1] ?? "").toLowerCase();
    assert.ok(!fields.has(name), `${name} stands there once`);
    fields.set(name, match[2] ?? "");
  }
  return fields;
}

interface ReadContent {
  readonly content: string;
  readonly end: number;
  readonly complete: boolean;
}

function readContent(
  text: string,
  start: number,
  method: string,
  status: number,
  fields: ReadonlyMap<string, string>,
): ReadContent {
  const length = fields.get("content-length");
  const coding = fields.get("transfer-encoding");
  assert.ok(length === undefined || coding === undefined, "the framing is said once");
  if (status < 200 || status === 204) {
    assert.ok(length === undefined && coding === undefined, `${status} has no framing`);
    return { content: "", end: start, complete: true };
  }
  if (method === "HEAD" || status === 304) return { content: "", end: start, complete: true };
  if (coding !== undefined) {
    assert.equal(coding, "chunked");
    return readChunked(text, start);
  }
  if (length === undefined) {
    assert.equal(fields.get("connection"), "close", "only the end of the connection ends this");
    return { content: text.slice(start), end: text.length, complete: false };
  }
  assert.match(length, /^\d+$/);
  const content = text.slice(start, start + Number(length));
  return { content, end: start + content.length, complete: content.length === Number(length) };
}

function readChunked(text: string, start: number): ReadContent {
  let content = "";
  let at = start;
  while (at < text.length) {
    const lineEnd = text.indexOf("\r\n", at);
    const size = text.slice(at, lineEnd);
    assert.match(size, /^[0-9a-f]+$/i);
    const data = text.slice(lineEnd + 2, lineEnd + 2 + Number.parseInt(size, 16));
    content += data;
    at = lineEnd + 2 + data.length;
    assert.ok("\r\n".startsWith(text.slice(at, at + 2)), "a chunk ends in CRLF");
    at += 2;
    if (/^0+$/.test(size)) return { content, end: at, complete: at <= text.length };
  }
  return { content, end: text.length, complete: false };
}
