/**
 * Reads all answers of a connection as the strictest client would: written from RFC 9112 alone, and
 * shares nothing with `src/`.
 */
import assert from "node:assert/strict";

/** How the end of the content was told (RFC 9112 section 6.3). */
export type ContentEnd = "none" | "length" | "chunked" | "close";

export interface ReadAnswer {
  /** The interim answers in front of it. */
  readonly interim: readonly number[];
  readonly status: number;
  readonly reason: string;
  /** In order; names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** One byte a character. */
  readonly content: string;
  readonly end: ContentEnd;
  /** Whether the end of the content was there; with "close" nobody can tell. */
  readonly complete: boolean;
  /** Where it begins among all bytes, interim answers included, and where the next one does. */
  readonly startsAt: number;
  readonly endsAt: number;
}

const tchar = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const STATUS_LINE = /HTTP\/1\.1 ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)\r\n/y;
const FIELD_LINE = new RegExp(`(${tchar}+): ?([\\t\\x20-\\x7e\\x80-\\xff]*)\\r\\n`, "y");
const CHUNK_LINE = /([0-9a-f]{1,14})\r\n/y;
/** Fields that the framing is told by, or that stand in an answer once (RFC 9110 section 5.3). */
const SINGLE = ["content-length", "transfer-encoding", "connection", "date", "server"];

/**
 * Takes the answers apart until no byte is left.
 *
 * @param methods of the requests; for an answer to none of them, such as a refused request, the
 *   method is what `otherwise` says
 * @throws {AssertionError} for everything that RFC 9112 does not allow
 */
export function readAnswers(
  bytes: Buffer,
  methods: readonly string[],
  otherwise = "GET",
): ReadAnswer[] {
  const text = bytes.toString("latin1");
  const answers: ReadAnswer[] = [];
  let at = 0;
  while (at < text.length) {
    const last = answers.at(-1);
    assert.ok(last === undefined || last.complete, "nothing follows an answer that has no end");
    assert.ok(
      last === undefined || fieldOf(last, "connection") !== "close",
      "nothing is answered after close",
    );
    const answer = readAnswer(text, at, methods[answers.length] ?? otherwise);
    at = answer.endsAt;
    answers.push(answer);
  }
  return answers;
}

/** The value of the field; null where it is not there. */
export function fieldOf(answer: Pick<ReadAnswer, "fields">, name: string): string | null {
  return answer.fields.find(([other]) => other === name)?.[1] ?? null;
}

function readAnswer(text: string, startsAt: number, method: string): ReadAnswer {
  const interim: number[] = [];
  let at = startsAt;
  for (;;) {
    const { status, reason, fields, end } = readHead(text, at);
    at = end;
    if (status >= 200) {
      const content = readContent(text, end, method, status, fields);
      return { interim, status, reason, fields, startsAt, ...content };
    }
    assert.equal(fieldOf({ fields }, "content-length"), null, `${status} has no framing`);
    assert.equal(fieldOf({ fields }, "transfer-encoding"), null, `${status} has no framing`);
    interim.push(status);
  }
}

interface Head {
  readonly status: number;
  readonly reason: string;
  readonly fields: [string, string][];
  readonly end: number;
}

function readHead(text: string, start: number): Head {
  STATUS_LINE.lastIndex = start;
  const match = STATUS_LINE.exec(text);
  assert.ok(match !== null, `a status line: ${JSON.stringify(text.slice(start, start + 60))}`);
  const fields: [string, string][] = [];
  let at = start + match[0].length;
  while (!text.startsWith("\r\n", at)) {
    FIELD_LINE.lastIndex = at;
    const line = FIELD_LINE.exec(text);
    assert.ok(line !== null, `a field line: ${JSON.stringify(text.slice(at, at + 60))}`);
    const name = (line[1] ?? "").toLowerCase();
    assert.ok(!SINGLE.includes(name) || fieldOf({ fields }, name) === null, `${name} once`);
    fields.push([name, line[2] ?? ""]);
    at += line[0].length;
  }
  return { status: Number(match[1]), reason: match[2] ?? "", fields, end: at + 2 };
}

type Content = Pick<ReadAnswer, "content" | "end" | "complete" | "endsAt">;

function readContent(
  text: string,
  start: number,
  method: string,
  status: number,
  fields: Head["fields"],
): Content {
  const length = fieldOf({ fields }, "content-length");
  const coding = fieldOf({ fields }, "transfer-encoding");
  assert.ok(length === null || coding === null, "the framing is told once");
  assert.ok(length === null || /^[0-9]+$/.test(length), "a length is digits");
  const isSuccessToConnect = method === "CONNECT" && status < 300;
  if (status === 204 || isSuccessToConnect) {
    assert.ok(length === null && coding === null, `${status} has no framing`);
  }
  if (method === "HEAD" || status === 204 || status === 304 || isSuccessToConnect) {
    return { content: "", end: "none", complete: true, endsAt: start };
  }
  if (coding !== null) {
    assert.equal(coding, "chunked");
    return readChunks(text, start);
  }
  if (length === null) {
    assert.equal(fieldOf({ fields }, "connection"), "close", "only the end ends this content");
    return { content: text.slice(start), end: "close", complete: false, endsAt: text.length };
  }
  const content = text.slice(start, start + Number(length));
  const complete = content.length === Number(length);
  return { content, end: "length", complete, endsAt: start + content.length };
}

function readChunks(text: string, start: number): Content {
  let content = "";
  let at = start;
  while (at < text.length) {
    CHUNK_LINE.lastIndex = at;
    const match = CHUNK_LINE.exec(text);
    assert.ok(match !== null, `a chunk: ${JSON.stringify(text.slice(at, at + 40))}`);
    const size = Number.parseInt(match[1] ?? "", 16);
    const dataAt = at + match[0].length;
    const end = dataAt + size;
    assert.ok(end + 2 <= text.length, "a chunk is sent whole, or not at all");
    assert.equal(text.slice(end, end + 2), "\r\n", "a chunk ends in CRLF");
    content += text.slice(dataAt, end);
    at = end + 2;
    if (size === 0) return { content, end: "chunked", complete: true, endsAt: at };
  }
  return { content, end: "chunked", complete: false, endsAt: at };
}
