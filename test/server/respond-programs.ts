/**
 * The applications of the vectors in `vectors/http1/respond/`, as a handler without any process:
 * the path of a request names the one that answers it. Gives what a worker would give for the WSGI
 * application of the same name in `test/end-to-end/applications/respond.py`, which is the other
 * half of this table.
 */
import assert from "node:assert/strict";

import type {
  ConnectionHandler,
  HandledRequest,
  PendingAnswer,
  RequestHandler,
} from "../../src/handlers/handler.ts";
import type { AnswerSink } from "../../src/workers/application-request.ts";

/** What an application's answer looks like to the gateway. */
interface Program {
  /** `103 Early Hints` heads that go before it. */
  readonly interim?: readonly string[];
  /** Status and reason, and field lines. */
  readonly head: readonly string[];
  readonly declared: number | null;
  /** Frames: the first one travels with the head. */
  readonly pieces: readonly string[];
  /** The application raises behind the last piece. */
  readonly raises?: boolean;
}

/** What the worker refuses, and what the application raises before its head: 500. */
const FAILS = null;

const TEXT = "Content-Type: text/plain";
const HELLO = "hello\n";
const STREAM = { declared: null, pieces: ["one\n", "two\n"] };

/** An answer that a worker sends whole; it adds the length where the application did not. */
function whole(content: string, ...lines: readonly string[]): Program {
  const length = `Content-Length: ${content.length}`;
  return { head: [...lines, length], declared: content.length, pieces: [content] };
}

function bodyless(...lines: readonly string[]): Program {
  return { head: lines, declared: null, pieces: [] };
}

/** The worker counts a content of no bytes, but not to HEAD: it may have been left to us. */
function withoutContent({ head }: HandledRequest): Program {
  return head.method === "HEAD" ? bodyless("200 OK", TEXT) : whole("", "200 OK", TEXT);
}

function contentOf(request: HandledRequest): string {
  const { content } = request;
  assert.ok(content === null || Buffer.isBuffer(content), "contents of vectors are small");
  return content === null ? "" : content.toString("latin1");
}

const PROGRAMS: Readonly<Record<string, (request: HandledRequest) => Program | null>> = {
  hello: () => whole(HELLO, "200 OK", TEXT),
  echo: (request) => {
    const { method, path, query } = request.head;
    const target = query === "" ? path : `${path}?${query}`;
    const host = request.provenance.host ?? "-";
    return whole(`${method} ${target} ${host}\n${contentOf(request)}`, "200 OK", TEXT);
  },
  empty: withoutContent,
  "no-length": () => ({ head: ["200 OK", TEXT], ...STREAM }),
  "no-length-no-content": withoutContent,
  "streamed-with-length": () => ({
    head: ["200 OK", TEXT, "Content-Length: 8"],
    declared: 8,
    pieces: STREAM.pieces,
  }),
  "too-long": () => ({ head: ["200 OK", TEXT, "Content-Length: 3"], declared: 3, pieces: [HELLO] }),
  "too-short": () => ({
    head: ["200 OK", TEXT, "Content-Length: 10"],
    declared: 10,
    pieces: [HELLO],
  }),
  "too-short-no-content": () => ({
    head: ["200 OK", TEXT, "Content-Length: 10"],
    declared: 10,
    pieces: [],
  }),
  "status-201": () => whole(HELLO, "201 Created", "Location: /hello", TEXT),
  "status-204": () => bodyless("204 No Content"),
  "status-204-with-content": () => ({
    head: ["204 No Content", TEXT, "Content-Length: 6"],
    declared: 6,
    pieces: [HELLO],
  }),
  "status-205": () => bodyless("205 Reset Content"),
  "status-205-with-content": () => whole(HELLO, "205 Reset Content", TEXT),
  "status-205-streamed": () => ({ head: ["205 Reset Content", TEXT], ...STREAM }),
  "status-206": () => whole("ell", "206 Partial Content", "Content-Range: bytes 1-3/6", TEXT),
  "status-304": () => bodyless("304 Not Modified", 'ETag: "a"'),
  "status-304-with-length": () => ({
    head: ["304 Not Modified", 'ETag: "a"', "Content-Length: 6"],
    declared: 6,
    pieces: [],
  }),
  "status-304-with-content": () => ({
    head: ["304 Not Modified", 'ETag: "a"'],
    declared: null,
    pieces: [HELLO],
  }),
  "status-401": () => whole("", "401 Unauthorized", 'WWW-Authenticate: Basic realm="a"'),
  "status-405": () => whole("", "405 Method Not Allowed", "Allow: GET, HEAD"),
  "status-416": () => whole("", "416 Range Not Satisfiable", "Content-Range: bytes */6"),
  "status-599": () => whole("", "599 "),
  "with-date": () => whole(HELLO, "200 OK", "Date: Tue, 15 Nov 1994 08:12:31 GMT"),
  "with-date-lower-case": () => whole(HELLO, "200 OK", "date: Tue, 15 Nov 1994 08:12:31 GMT"),
  "with-server": () => whole(HELLO, "200 OK", "Server: own/1.0"),
  "with-cookies": () => whole(HELLO, "200 OK", "Set-Cookie: a=1", "Set-Cookie: b=2"),
  "with-obs-text": () => whole(HELLO, "200 OK", "X-Name: J\u00fcrgen"),
  "with-white-space": () => whole(HELLO, "200 OK", "X-Padded: a \t b", "X-Empty: "),
  "early-hints": () => ({
    interim: ["103 Early Hints\r\nLink: </a.css>; rel=preload\r\n"],
    ...whole(HELLO, "200 OK", TEXT),
  }),
  "raises-after-head": () => ({ head: ["200 OK", TEXT], ...STREAM, raises: true }),
  "raises-within-length": () => ({
    head: ["200 OK", TEXT, "Content-Length: 10"],
    declared: 10,
    pieces: STREAM.pieces,
    raises: true,
  }),
};

/** Applications that a worker does not let through. */
const REFUSED = [
  "raises",
  "no-start-response",
  "split-value",
  "split-value-lf",
  "split-value-cr",
  "split-name",
  "split-status",
  "nul-value",
  "space-in-name",
  "colon-in-name",
  "empty-name",
  "two-lengths",
  "two-lengths-same",
  "length-sign",
  "length-list",
  "length-empty",
  "length-text",
  "length-huge",
  "with-connection-field",
  "with-keep-alive-field",
  "with-transfer-encoding-field",
  "with-te-field",
  "with-trailer-field",
  "with-upgrade-field",
  "with-proxy-authenticate-field",
  "status-100",
  "status-101",
  "status-103",
  "status-099",
  "status-600",
  "status-without-reason",
  "status-letters",
] as const;

/** All names, so that a test can compare them with those of `respond.py`. */
export const PROGRAM_NAMES: readonly string[] = [...Object.keys(PROGRAMS), ...REFUSED];

const NOBODY: PendingAnswer = { workerShare: null, cancel() {}, pause() {}, resume() {} };

/** Answers in later turns, as the contract of a handler demands: call {@link turn} for that. */
export class RespondHandler implements RequestHandler, ConnectionHandler {
  readonly othersWait = false;
  readonly retryAfterSeconds = 1;

  readonly #waiting: (() => void)[] = [];

  openConnection(): ConnectionHandler {
    return this;
  }

  handle(request: HandledRequest, sink: AnswerSink): PendingAnswer {
    const name = request.head.path.slice(1).split("/")[0] ?? "";
    const program = PROGRAMS[name];
    assert.ok(program !== undefined || REFUSED.some((other) => other === name), name);
    const answer = program === undefined ? FAILS : program(request);
    this.#waiting.push(() => play(answer, sink));
    return NOBODY;
  }

  /** Gives the answers that have been asked for, those included that are asked for meanwhile. */
  turn(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next();
    }
  }
}

function play(program: Program | null, sink: AnswerSink): void {
  if (program === FAILS) {
    sink.onAnswerFailure("application-error");
    return;
  }
  const { interim = [], head, declared, pieces, raises = false } = program;
  for (const text of interim) {
    const bytes = Buffer.from(text, "latin1");
    sink.onAnswerInterim(103, bytes, 0, bytes.length);
  }
  const headBytes = Buffer.from(`${head.join("\r\n")}\r\n`, "latin1");
  const [first = "", ...rest] = pieces;
  const bytes = Buffer.concat([headBytes, Buffer.from(first, "latin1")]);
  const status = Number.parseInt(head[0] ?? "", 10);
  const isWhole = rest.length === 0 && !raises;
  sink.onAnswerHead(status, declared, bytes, 0, headBytes.length, bytes.length, isWhole);
  if (isWhole) return;
  for (const piece of rest) {
    const content = Buffer.from(piece, "latin1");
    sink.onAnswerContent(content, 0, content.length);
  }
  if (raises) sink.onAnswerFailure("application-aborted");
  else sink.onAnswerEnd();
}
