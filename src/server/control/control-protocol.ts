/**
 * The conversation over the control socket, as lines: one request, and one answer or more, each a
 * JSON object in ASCII. The last answer says how it ended.
 *
 *     {"version":1,"command":"scale","arguments":{"min":2,"max":8}}
 *     {"version":1,"kind":"done","result":{"min":2,"max":8}}
 *
 * Knows no socket, no clock and no command.
 */

/** Raised when a client that knows only the older form would misunderstand. */
export const CONTROL_VERSION = 1;
/** One request; all that can be asked for fits many times over. */
export const REQUEST_MAX_BYTES = 4_096;
/** One answer: the status of 512 workers with many threads, or a traceback. */
export const ANSWER_MAX_BYTES = 4_194_304;
/** What is left of a traceback, or of any other text of the application. */
const TEXT_MAX_CHARS = 131_072;
const COMMAND = /^[a-z][a-z-]{0,31}$/;
const NEWLINE = 0x0a;

export interface ControlRequest {
  readonly command: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export type ControlAnswer =
  /** It has begun, and more answers follow. */
  | { readonly kind: "progress"; readonly result: unknown }
  /** It is done. */
  | { readonly kind: "done"; readonly result: unknown }
  /** It was tried and did not work; everything is as it was before. */
  | {
      readonly kind: "failed";
      readonly result: unknown;
      readonly why: string;
      readonly details: string | null;
    }
  /** Nothing was tried: the request is not understood, or asks for what cannot be. */
  | { readonly kind: "refused"; readonly why: string };

export type ParsedRequest =
  | { readonly kind: "request"; readonly request: ControlRequest }
  | { readonly kind: "refused"; readonly why: string };

/** A request as one line, with its line end. */
export function encodeRequest({ command, arguments: args }: ControlRequest): string {
  return `${asciiJson({ version: CONTROL_VERSION, command, arguments: args })}\n`;
}

/** An answer as one line, with its line end. Texts that are too long are cut in their middle. */
export function encodeAnswer(answer: ControlAnswer): string {
  const line = asciiJson({ version: CONTROL_VERSION, ...withCutTexts(answer) });
  if (line.length < ANSWER_MAX_BYTES) return `${line}\n`;
  return encodeAnswer({
    kind: "failed",
    result: null,
    why: "the answer is longer than the control socket carries",
    details: null,
  });
}

/** @param line without its line end */
export function parseRequest(line: string): ParsedRequest {
  const message = parseObject(line);
  if (message === null) return refused("the request is no line of JSON");
  if (message["version"] !== CONTROL_VERSION) {
    return refused(`only version ${CONTROL_VERSION} of this conversation is spoken here`);
  }
  const { command, arguments: args = {} } = message;
  if (typeof command !== "string" || !COMMAND.test(command)) {
    return refused("the request names no command");
  }
  if (!isObject(args)) return refused("the request's arguments are no object");
  return { kind: "request", request: { command, arguments: args } };
}

/**
 * @param line without its line end
 * @returns null where that is no answer
 */
export function parseAnswer(line: string): ControlAnswer | null {
  const message = parseObject(line);
  if (message === null || message["version"] !== CONTROL_VERSION) return null;
  const { kind, result = null, why, details = null } = message;
  switch (kind) {
    case "progress":
    case "done":
      return { kind, result };
    case "failed":
      if (typeof why !== "string") return null;
      return { kind, result, why, details: typeof details === "string" ? details : null };
    case "refused":
      return typeof why === "string" ? { kind, why } : null;
    default:
      return null;
  }
}

/**
 * JSON in printable ASCII: a terminal takes other characters than C's controls for commands too
 * (U+009B begins one), and this may be printed.
 */
export function asciiJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[^\x20-\x7e\n]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Lines out of pieces of bytes, however they are cut. */
export class LineReader {
  readonly #lineMaxBytes: number;
  #unread: Buffer = Buffer.alloc(0);

  constructor(lineMaxBytes: number) {
    this.#lineMaxBytes = lineMaxBytes;
  }

  /**
   * @returns the lines that have become whole, without their ends; null where one is longer than it
   *   may be, and then nothing more can be read
   */
  push(bytes: Buffer): string[] | null {
    let unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    const lines: string[] = [];
    for (let end = unread.indexOf(NEWLINE); end >= 0; end = unread.indexOf(NEWLINE)) {
      if (end > this.#lineMaxBytes) return null;
      lines.push(unread.toString("utf8", 0, end));
      unread = unread.subarray(end + 1);
    }
    // A copy: the bytes are the caller's to use again.
    this.#unread = Buffer.from(unread);
    return unread.length > this.#lineMaxBytes ? null : lines;
  }
}

function withCutTexts(answer: ControlAnswer): ControlAnswer {
  if (answer.kind === "refused") return { ...answer, why: cut(answer.why) };
  if (answer.kind !== "failed") return answer;
  const { details } = answer;
  return {
    ...answer,
    why: cut(answer.why),
    details: details === null ? null : cut(details),
  };
}

function cut(text: string): string {
  if (text.length <= TEXT_MAX_CHARS) return text;
  const half = TEXT_MAX_CHARS / 2;
  return `${text.slice(0, half)}\n...\n${text.slice(-half)}`;
}

function parseObject(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(why: string): { readonly kind: "refused"; readonly why: string } {
  return { kind: "refused", why };
}
