/**
 * A second reader of requests, as naive as possible: it is handed all bytes of a connection at
 * once, and matches them against the grammar ({@link REQUEST_LINE} and the others), message by
 * message. No states, no cuts, no speed.
 *
 * It serves as the reference that the receiver is compared with. Two things are shared with the
 * program, since they are tables and not algorithms: which fields have a single value, and which
 * are dropped from trailers.
 */
import { SINGLETON_FIELDS } from "../../src/http/fields.ts";
import { isTrailerField } from "../../src/http/trailer-fields.ts";
import type { ChunkedLimits } from "../../src/http1/chunked.ts";
import type { RequestLimits } from "../../src/http1/receiver.ts";
import type { RequestRecord } from "../http1/cut-and-replay.ts";
import {
  authorityOf,
  CHUNK_LINE,
  CHUNK_SIZE,
  FIELD_LINE,
  FIELD_LINE_BEGINNING,
  isTransferCoding,
  listOf,
  matchAt,
  METHOD_TOO_LONG,
  REQUEST_LINE,
  REQUEST_LINE_BEGINNING,
  TOKEN_BEGINNING,
} from "./reference-grammar.ts";

export interface ReferenceReading {
  readonly requests: readonly RequestRecord[];
  /**
   * What is wrong behind the last of them: the statuses with one of which it must be refused; more
   * than one where a head breaks several rules at once. Null where nothing is.
   */
  readonly refusals: ReadonlySet<number> | null;
  /** Whether what is refused is known to be a HEAD, whose answer has no content. */
  readonly refusesHead: boolean;
  /** The head of what is refused, where it is not the head that is wrong; else null. */
  readonly refusedHead: RequestRecord | null;
}

const EMPTY_LINES_MAX = 4;
const CHUNK_SIZE_DIGITS_MAX = 16;

/** Breaks off the reading. */
export class Refusal extends Error {
  readonly statuses: ReadonlySet<number>;

  constructor(...statuses: number[]) {
    super(`refused with ${statuses.join(" or ")}`);
    this.statuses = new Set(statuses);
  }
}

interface Content {
  readonly content: string;
  readonly trailers: RequestRecord["trailers"];
  readonly end: number;
}

/** Reads all that a client sends on one connection, its end included. */
export function readReference(bytes: Buffer, limits: RequestLimits): ReferenceReading {
  const text = bytes.toString("latin1");
  const requests: RequestRecord[] = [];
  const inOrder = { requests, refusals: null, refusesHead: false, refusedHead: null };
  let at = 0;
  let refusedHead: RequestRecord | null = null;
  try {
    for (;;) {
      at = behindEmptyLines(text, at);
      // A lone CR at the very end could have become another empty line.
      if (/^\r?$/.test(text.slice(at))) return inOrder;
      const { record, end } = readHead(text, at, limits);
      refusedHead = record;
      const { content, trailers, end: next } = readContent(text, end, record.framing, limits);
      refusedHead = null;
      requests.push({ ...record, content, trailers });
      if (!record.persistent) return inOrder;
      at = next;
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const refusesHead = text.startsWith("HEAD ", at);
    return { requests, refusals: error.statuses, refusesHead, refusedHead };
  }
}

function behindEmptyLines(text: string, start: number): number {
  let at = start;
  for (let lines = 0; text.startsWith("\r\n", at); lines++) {
    if (lines === EMPTY_LINES_MAX) throw new Refusal(400);
    at += 2;
  }
  return at;
}

function readHead(
  text: string,
  start: number,
  limits: RequestLimits,
): { record: RequestRecord; end: number } {
  const line = readRequestLine(text, start, limits);
  const target = readTarget(line.method, line.target);
  const { fields, end } = readFields(text, start, line.end, limits);
  const { method, versionMinor } = line;
  const { authority } = target;
  const meaning = readMeaning(fields, { method, versionMinor, authority }, limits);
  return {
    record: { method, ...target, versionMinor, fields, ...meaning, content: "", trailers: [] },
    end,
  };
}

function readRequestLine(
  text: string,
  start: number,
  limits: RequestLimits,
): { method: string; target: string; versionMinor: number; end: number } {
  const room = Math.min(limits.requestLineLimitBytes, limits.headLimitBytes);
  const shown = text.slice(start, start + room);
  if (METHOD_TOO_LONG.test(shown)) throw new Refusal(501);
  const match = matchAt(REQUEST_LINE, text, start);
  if (match === null || match[0].length > room) {
    if (!REQUEST_LINE_BEGINNING.test(shown)) throw new Refusal(400);
    throw new Refusal(shown.length === room ? 414 : 400);
  }
  const [whole, method = "", target = "", major, minor] = match;
  if (major !== "1") throw new Refusal(505);
  return { method, target, versionMinor: minor === "0" ? 0 : 1, end: start + whole.length };
}

type Target = Pick<RequestRecord, "target" | "form" | "path" | "query" | "authority">;

/** RFC 9112 section 3.2. */
function readTarget(method: string, target: string): Target {
  if (method === "CONNECT") {
    const parts = authorityOf(target);
    if (parts === null || parts.host === "" || !parts.port) throw new Refusal(400);
    return { target, form: "authority", path: "", query: "", authority: target };
  }
  if (target.startsWith("/")) {
    const [path = "", ...rest] = target.split("?");
    return { target, form: "origin", path, query: rest.join("?"), authority: null };
  }
  if (target === "*" && method === "OPTIONS") {
    return { target, form: "asterisk", path: "*", query: "", authority: null };
  }
  const match = /^https?:\/\/(?<authority>[^/?]*)(?<path>[^?]*)(?<query>.*)$/is.exec(target);
  const { authority = "", path = "", query = "" } = match?.groups ?? {};
  if (match === null || (authorityOf(authority)?.host ?? "") === "") throw new Refusal(400);
  if (method === "OPTIONS" && path + query === "") {
    return { target, form: "asterisk", path: "*", query: "", authority };
  }
  return { target, form: "absolute", path: path || "/", query: query.slice(1), authority };
}

function readFields(
  text: string,
  headStart: number,
  start: number,
  limits: RequestLimits,
): { fields: [string, string][]; end: number } {
  const fields: [string, string][] = [];
  const headEnd = headStart + limits.headLimitBytes;
  let at = start;
  for (;;) {
    const room = Math.min(limits.fieldLimitBytes, headEnd - at);
    if (room >= 2 && text.startsWith("\r\n", at)) return { fields, end: at + 2 };
    const match = matchAt(FIELD_LINE, text, at);
    if (match === null || match[0].length > room) {
      const shown = text.slice(at, at + room);
      if (!FIELD_LINE_BEGINNING.test(shown)) throw new Refusal(400);
      throw new Refusal(shown.length === room ? 431 : 400);
    }
    if (fields.length === limits.fieldCountMax) throw new Refusal(431);
    fields.push([(match[1] ?? "").toLowerCase(), match[2] ?? ""]);
    at += match[0].length;
  }
}

type Meaning = Pick<RequestRecord, "framing" | "persistent" | "expectsContinue">;

/** What the fields say about the message; all complaints about them at once. */
function readMeaning(
  fields: readonly [string, string][],
  { method, versionMinor, authority }: Pick<RequestRecord, "method" | "versionMinor" | "authority">,
  limits: RequestLimits,
): Meaning {
  const linesOf = (wanted: string): string[] =>
    fields.flatMap(([name, value]) => (name === wanted ? [value] : []));
  const complaints: number[] = [];
  for (const name of SINGLETON_FIELDS) if (linesOf(name).length > 1) complaints.push(400);
  const [host] = linesOf("host");
  if (host === undefined) {
    if (versionMinor === 1) complaints.push(400);
  } else if ((authorityOf(host)?.host ?? "") === "") {
    // Nobody has to say twice whom the target names.
    if (host !== "" || authority === null) complaints.push(400);
  }
  const framing = readFraming(linesOf("transfer-encoding"), linesOf("content-length"), complaints);
  if (framing.kind === "chunked" && versionMinor === 0) complaints.push(400);
  const expectations = listOf(linesOf("expect").join(", ").toLowerCase());
  if (expectations.some((expectation) => expectation !== "100-continue")) complaints.push(417);
  if (complaints.length > 0) throw new Refusal(...complaints);
  const bytes = framing.kind === "length" ? framing.bytes : 0;
  if (bytes > limits.bodyLimitBytes) throw new Refusal(413);
  const options = listOf(linesOf("connection").join(", ").toLowerCase());
  const announced = framing.kind === "chunked" || bytes > 0;
  return {
    framing,
    persistent:
      method !== "CONNECT" &&
      !options.includes("close") &&
      (versionMinor === 1 || options.includes("keep-alive")),
    expectsContinue: versionMinor === 1 && expectations.length > 0 && announced,
  };
}

/** RFC 9112 section 6.3, and stricter. */
function readFraming(
  codings: readonly string[],
  lengths: readonly string[],
  complaints: number[],
): RequestRecord["framing"] {
  if (codings.length > 0) {
    if (lengths.length > 0) complaints.push(400);
    const value = codings.join(", ").toLowerCase();
    const members = listOf(value);
    const isEnded =
      members.at(-1) === "chunked" && members.indexOf("chunked") + 1 === members.length;
    const isKnowable = isEnded && members.length > 1 && members.every(isTransferCoding);
    if (value !== "chunked") complaints.push(isKnowable ? 501 : 400);
    return { kind: "chunked" };
  }
  const [length] = lengths;
  if (length === undefined) return { kind: "none" };
  if (!/^[0-9]+$/.test(length) || BigInt(length) > BigInt(Number.MAX_SAFE_INTEGER)) {
    complaints.push(400);
  }
  return { kind: "length", bytes: Number(length) };
}

export function readContent(
  text: string,
  start: number,
  framing: RequestRecord["framing"],
  limits: ChunkedLimits,
): Content {
  switch (framing.kind) {
    case "none":
      return { content: "", trailers: [], end: start };
    case "length": {
      const end = start + framing.bytes;
      if (end > text.length) throw new Refusal(400);
      return { content: text.slice(start, end), trailers: [], end };
    }
    case "chunked":
      return readChunked(text, start, limits);
    default:
      return framing satisfies never;
  }
}

/** RFC 9112 section 7.1. */
function readChunked(text: string, start: number, limits: ChunkedLimits): Content {
  let content = "";
  let extensionBytes = 0;
  let at = start;
  for (;;) {
    const digits = matchAt(CHUNK_SIZE, text, at)?.[0] ?? "";
    const size = BigInt(`0x0${digits}`);
    if (digits.length > CHUNK_SIZE_DIGITS_MAX || size > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new Refusal(400);
    }
    const isSizeWhole = digits !== "" && at + digits.length < text.length;
    if (isSizeWhole && content.length + Number(size) > limits.bodyLimitBytes) {
      throw new Refusal(413);
    }
    const match = matchAt(CHUNK_LINE, text, at);
    if (match === null) throw new Refusal(400);
    extensionBytes += match[2]?.length ?? 0;
    if (extensionBytes > limits.chunkExtensionLimitBytes) throw new Refusal(400);
    at += match[0].length;
    if (size === 0n) return { content, ...readTrailers(text, at, limits) };
    const end = at + Number(size);
    if (!text.startsWith("\r\n", end)) throw new Refusal(400);
    content += text.slice(at, end);
    at = end + 2;
  }
}

/** RFC 9112 section 7.1.2. */
function readTrailers(
  text: string,
  start: number,
  limits: ChunkedLimits,
): Pick<Content, "trailers" | "end"> {
  const trailers: RequestRecord["trailers"] = [];
  let at = start;
  for (let lines = 0; ; lines++) {
    if (text.startsWith("\r\n", at)) return { trailers, end: at + 2 };
    if (lines === limits.fieldCountMax && TOKEN_BEGINNING.test(text.slice(at, at + 1))) {
      throw new Refusal(431);
    }
    const room = start + limits.trailerLimitBytes - at;
    const match = matchAt(FIELD_LINE, text, at);
    if (match === null || match[0].length > room) {
      // The byte that is one too many is looked at before it is counted.
      const shown = text.slice(at, at + room + 1);
      const isTooMuch = shown.length > room && shown !== "\r" && FIELD_LINE_BEGINNING.test(shown);
      throw new Refusal(isTooMuch || match !== null ? 431 : 400);
    }
    const name = (match[1] ?? "").toLowerCase();
    if (isTrailerField(name)) trailers.push({ name, value: match[2] ?? "" });
    at += match[0].length;
  }
}
