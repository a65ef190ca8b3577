/**
 * An HTTP/1.1 client for tests that sends exactly the bytes it is given and hides none that come
 * back.
 *
 * Reads responses strictly by RFC 9112: whatever it cannot read is an error, never repaired.
 * Shares no code with the server, so that a mistake in the server's grammar is not repeated here.
 * Must not know what is being tested.
 */
import assert from "node:assert/strict";
import net from "node:net";

/** Longest silence of a server while an answer is awaited. */
const SILENCE_MAX_MS = 30_000;
const HEAD_LIMIT_BYTES = 256 * 1024;
const CONTENT_LIMIT_BYTES = 256 * 1024 * 1024;

/** Where to connect: a port of 127.0.0.1, or the path of a Unix socket. */
export type Target = number | string;

export type Field = readonly [name: string, value: string];

/** One piece of content as it arrived: a chunk of the chunked coding, or what one read gave. */
export interface Piece {
  readonly bytes: Buffer;
  /** When it was complete, in milliseconds of `performance.now()`. */
  readonly arrivedAtMs: number;
}

export class RawResponse {
  /** `HTTP/1.1`. */
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  /** In the order in which they came, names as they were written. */
  readonly fields: readonly Field[];
  pieces: Piece[] = [];
  trailers: readonly Field[] = [];

  constructor(head: string) {
    const [statusLine = "", ...fieldLines] = head.split("\r\n");
    const parts = /^(HTTP\/\d\.\d) (\d{3}) ([\t\x20-\x7e\x80-\xff]*)$/.exec(statusLine);
    assert(parts, `not a status line: ${JSON.stringify(statusLine)}`);
    this.version = parts[1] ?? "";
    this.status = Number(parts[2]);
    this.reason = parts[3] ?? "";
    this.fields = fieldLines.map((line) => parseField(line));
  }

  get content(): Buffer {
    return Buffer.concat(this.pieces.map((piece) => piece.bytes));
  }

  get text(): string {
    return this.content.toString("utf8");
  }

  /**
   * Value of the field of that name; null where there is none. A field that is there twice fails
   * the test.
   */
  field(name: string): string | null {
    const values = this.fieldValues(name);
    assert(values.length <= 1, `${name} occurs ${values.length} times`);
    return values[0] ?? null;
  }

  fieldValues(name: string): string[] {
    return this.fields
      .filter(([other]) => other.toLowerCase() === name.toLowerCase())
      .map(([, value]) => value);
  }
}

/** One connection. Requests are written as bytes; responses are read one by one, in order. */
export class RawClient implements Disposable {
  readonly socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake?.();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#wake?.();
    });
    socket.on("error", (error) => {
      this.#failure = error;
      this.#wake?.();
    });
  }

  /** @throws {Error} of `node:net` when nobody listens there */
  static connect(target: Target): Promise<RawClient> {
    const socket =
      typeof target === "number"
        ? net.connect({ port: target, host: "127.0.0.1", allowHalfOpen: true })
        : net.connect({ path: target, allowHalfOpen: true });
    socket.setNoDelay(true);
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RawClient(socket));
      });
    });
  }

  /** Sends the bytes as they are; a string is taken as latin-1, so that any byte can be written. */
  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Closes the sending half: the server sees EOF and can still answer. */
  endWriting(): void {
    this.socket.end();
  }

  /** Closes both halves. */
  close(): void {
    this.socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Writes a request and reads its final response; interim ones (1xx) are read and dropped. */
  async exchange(bytes: string | Uint8Array): Promise<RawResponse> {
    const method = Buffer.from(bytes.slice(0, 32)).toString("latin1").split(" ", 1)[0];
    this.write(bytes);
    let response = await this.readResponse(method);
    while (response.status < 200) response = await this.readResponse(method);
    return response;
  }

  /**
   * Reads one response, interim ones (1xx) included, with its content framed by RFC 9112 section
   * 6.3.
   *
   * @param method  the request's, since a response to HEAD has no content
   * @throws {AssertionError} when the bytes are no response, or end within one
   */
  async readResponse(method = "GET"): Promise<RawResponse> {
    const response = await this.readHead();
    await this.#readContent(response, method);
    return response;
  }

  /** Reads a status line and header section, and leaves the content unread. */
  async readHead(): Promise<RawResponse> {
    return new RawResponse((await this.#takeThrough("\r\n\r\n", HEAD_LIMIT_BYTES)).slice(0, -4));
  }

  /** Everything that comes until the server closes. A reset connection counts as closed. */
  async readToEnd(): Promise<Buffer> {
    while (await this.#more()) assert(this.#received.length <= CONTENT_LIMIT_BYTES);
    return this.#take(this.#received.length);
  }

  async #readContent(response: RawResponse, method: string): Promise<void> {
    const { status } = response;
    if (method === "HEAD" || status < 200 || status === 204 || status === 304) return;
    const coding = response.field("transfer-encoding");
    const length = response.field("content-length");
    if (coding !== null) {
      assert.equal(coding.toLowerCase(), "chunked");
      assert.equal(length, null, "both Transfer-Encoding and Content-Length");
      await this.#readChunks(response);
      return;
    }
    if (length !== null) assert.match(length, /^\d+$/);
    let missing = length === null ? Number.POSITIVE_INFINITY : Number(length);
    while (missing > 0) {
      if (this.#received.length === 0 && !(await this.#more())) break;
      const bytes = this.#take(Math.min(missing, this.#received.length));
      response.pieces.push({ bytes, arrivedAtMs: performance.now() });
      missing -= bytes.length;
    }
    assert(length === null || missing === 0, `the content ended ${missing} bytes early`);
    // Without a length the content ends with the connection, and an orderly end is all that says
    // it is whole.
    if (length === null) assert.equal(this.#failure, null);
  }

  async #readChunks(response: RawResponse): Promise<void> {
    for (;;) {
      const sizeLine = await this.#takeThrough("\r\n", 256);
      assert.match(sizeLine, /^[0-9a-fA-F]+\r\n$/);
      const size = Number.parseInt(sizeLine, 16);
      assert(size <= CONTENT_LIMIT_BYTES);
      if (size === 0) break;
      const bytes = await this.#takeExactly(size);
      assert.equal((await this.#takeExactly(2)).toString("latin1"), "\r\n");
      response.pieces.push({ bytes, arrivedAtMs: performance.now() });
    }
    const trailers: Field[] = [];
    for (;;) {
      const line = await this.#takeThrough("\r\n", HEAD_LIMIT_BYTES);
      if (line === "\r\n") break;
      trailers.push(parseField(line.slice(0, -2)));
    }
    response.trailers = trailers;
  }

  async #takeThrough(mark: string, limitBytes: number): Promise<string> {
    let at = this.#received.indexOf(mark, 0, "latin1");
    while (at < 0) {
      assert(this.#received.length <= limitBytes, `no ${JSON.stringify(mark)} in sight`);
      assert(await this.#more(), this.#endedWithin(`waiting for ${JSON.stringify(mark)}`));
      at = this.#received.indexOf(mark, 0, "latin1");
    }
    return this.#take(at + mark.length).toString("latin1");
  }

  async #takeExactly(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      assert(await this.#more(), this.#endedWithin(`waiting for ${length} bytes`));
    }
    return this.#take(length);
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  /** Waits for more bytes; false when there will be none. */
  async #more(): Promise<boolean> {
    const before = this.#received.length;
    while (this.#received.length === before && !this.#ended && this.#failure === null) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(this.#endedWithin(`${SILENCE_MAX_MS} ms of silence`)));
        }, SILENCE_MAX_MS);
        this.#wake = () => {
          clearTimeout(timer);
          this.#wake = null;
          resolve();
        };
      });
    }
    return this.#received.length > before;
  }

  #endedWithin(doing: string): string {
    const rest = JSON.stringify(this.#received.subarray(0, 500).toString("latin1"));
    const cause = this.#failure === null ? "" : ` (${this.#failure.message})`;
    return `the connection gave no more${cause}: ${doing}; unread: ${rest}`;
  }
}

/**
 * Sends one request on a connection of its own and reads its final response.
 *
 * @param bytes  the whole request; a string is taken as latin-1
 */
export async function rawRequest(target: Target, bytes: string | Uint8Array): Promise<RawResponse> {
  using client = await RawClient.connect(target);
  return await client.exchange(bytes);
}

/**
 * The cookies that a server has set, kept as a browser would for one site (RFC 6265 section 5.3,
 * much reduced).
 */
export class CookieJar {
  readonly #cookies = new Map<string, string>();

  /**
   * Takes the values of a response's Set-Cookie fields; one whose age is over removes its cookie.
   */
  take(values: readonly string[]): void {
    for (const value of values) {
      const [pair = "", ...attributes] = value.split(";");
      const equals = pair.indexOf("=");
      const name = pair.slice(0, equals).trim();
      if (attributes.some((attribute) => isPast(attribute.trim()))) this.#cookies.delete(name);
      else this.#cookies.set(name, pair.slice(equals + 1).trim());
    }
  }

  get(name: string): string | null {
    return this.#cookies.get(name) ?? null;
  }

  /** Value of the Cookie field to send; empty where there are no cookies. */
  get fieldValue(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }
}

function isPast(attribute: string): boolean {
  const [name = "", value = ""] = attribute.split("=");
  if (name.toLowerCase() === "max-age") return Number(value) <= 0;
  return name.toLowerCase() === "expires" && Date.parse(value) <= Date.now();
}

function parseField(line: string): Field {
  const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(line);
  assert(parts, `not a field line: ${JSON.stringify(line)}`);
  return [parts[1] ?? "", parts[2] ?? ""];
}
