/**
 * The parsers that `parse-head.ts` compares, each as a function from bytes to a parsed head: our
 * receiver, and llhttp inside Node.js as `node:http` uses it.
 *
 * Owns how each is driven. Must not know how it is measured.
 */
import type { IncomingHttpHeaders } from "node:http";
import process from "node:process";
import { type RequestLimits, RequestReceiver } from "../src/http1/receiver.ts";

/** Parses the head in `memory[0..length)`, whole, and makes ready for the next one. */
export type ParseHead = (memory: Buffer, length: number) => void;

const LIMITS: RequestLimits = {
  requestLineLimitBytes: 8192,
  headLimitBytes: 65_536,
  fieldCountMax: 100,
  fieldLimitBytes: 32_768,
  bodyLimitBytes: 1_048_576,
  trailerLimitBytes: 8192,
  chunkExtensionLimitBytes: 4096,
};

/** One connection of ours: names in lower case, values, framing and Connection understood. */
export function portico(): ParseHead {
  const receiver = new RequestReceiver(LIMITS);
  return (memory, length) => {
    receiver.receive(memory, length);
    while (receiver.next().kind !== "paused");
    receiver.nextCycle();
  };
}

/**
 * What of the built-in module is used; it is not documented, and so has no types. Methods of a
 * parser are numbered.
 */
interface HttpCommon {
  readonly HTTPParser: NativeParserClass;
  readonly parsers: { alloc(): PooledParser };
}

interface NativeParserClass {
  new (): NativeParser;
  readonly REQUEST: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnMessageComplete: number;
}

interface NativeParser {
  initialize(type: number, resource: object, headerLimitBytes: number, lenient: number): void;
  execute(bytes: Uint8Array): number | Error;
  [callback: number]: ((...args: never[]) => unknown) | null;
}

interface PooledParser extends NativeParser {
  onIncoming: ((request: { readonly headers: IncomingHttpHeaders }) => number) | null;
  socket: object | null;
  incoming: object | null;
}

const HEADER_LIMIT_BYTES = 65_536;
/** Of the headers-complete callback: how the parser is to go on; 0 is as usual. */
const GO_ON = 0;

function httpCommon(): HttpCommon {
  const found = process.getBuiltinModule("node:_http_common" as "node:http") as unknown;
  return found as HttpCommon;
}

/** Runs llhttp over `memory[0..length)`; heads of one length share a view of the memory. */
function executor(parser: NativeParser): ParseHead {
  let view: Buffer = Buffer.alloc(0);
  return (memory, length) => {
    if (view.buffer !== memory.buffer || view.length !== length) view = memory.subarray(0, length);
    const result = parser.execute(view);
    if (result !== length) throw new Error(`llhttp took ${String(result)} of ${length} bytes`);
  };
}

/**
 * llhttp with the callbacks that `node:http` sets, down to the array of names and values
 * (`rawHeaders`) and the target, and nothing made of them. A section of more than 32 fields comes
 * in several calls.
 */
export function llhttp(): ParseHead {
  const { HTTPParser } = httpCommon();
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, HEADER_LIMIT_BYTES, 0);
  let fields: string[] = [];
  let target = "";
  let heads = 0;
  parser[HTTPParser.kOnHeaders] = (rawHeaders: string[], url: string) => {
    fields.push(...rawHeaders);
    target += url;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    rawHeaders: string[] | undefined,
    _method: number,
    url: string | undefined,
  ) => {
    const all = rawHeaders ?? fields;
    if ((url ?? target) === "" || all.length === 0) throw new Error("llhttp found no head");
    fields = [];
    target = "";
    heads++;
    return GO_ON;
  };
  const execute = executor(parser);
  return (memory, length) => {
    const before = heads;
    execute(memory, length);
    if (heads !== before + 1) throw new Error("llhttp did not report one head");
  };
}

/**
 * The same, and what `node:http` makes of it before a program sees the request: an IncomingMessage,
 * and `headers`, whose names are in lower case and whose repeated fields are joined.
 */
export function nodeHttp(): ParseHead {
  const { HTTPParser, parsers } = httpCommon();
  const parser = parsers.alloc();
  parser.initialize(HTTPParser.REQUEST, {}, HEADER_LIMIT_BYTES, 0);
  parser.socket = {};
  // The end of a message is the stream's affair, not the head's.
  parser[HTTPParser.kOnMessageComplete] = null;
  let hosts = 0;
  parser.onIncoming = (request) => {
    if (request.headers.host !== undefined) hosts++;
    return GO_ON;
  };
  const execute = executor(parser);
  return (memory, length) => {
    const before = hosts;
    execute(memory, length);
    parser.incoming = null;
    if (hosts !== before + 1) throw new Error("node:http did not report one head");
  };
}
