/**
 * What `node:http` makes of the bytes of one connection: a server with its default settings, which
 * writes down each request that it hands to its user.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly versionMinor: number;
  /** Names in lower case. */
  readonly fields: readonly (readonly [string, string])[];
  /** One byte a character. */
  readonly content: string;
  readonly trailers: readonly (readonly [string, string])[];
}

export interface SeenConnection {
  /** Those that were complete. */
  readonly requests: readonly SeenRequest[];
  /** The statuses of all answers, interim ones left out. */
  readonly statuses: readonly number[];
}

/** The pairs of a raw list, as `rawHeaders` has it. */
function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < raw.length; index += 2) {
    pairs.push([(raw[index] ?? "").toLowerCase(), raw[index + 1] ?? ""]);
  }
  return pairs;
}

/** @returns null where the client's end came within the content */
async function seenRequest(message: IncomingMessage): Promise<SeenRequest | null> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of message) pieces.push(piece);
  } catch {
    return null;
  }
  return {
    method: message.method ?? "",
    target: message.url ?? "",
    versionMinor: message.httpVersionMinor,
    fields: pairsOf(message.rawHeaders),
    content: Buffer.concat(pieces).toString("latin1"),
    trailers: pairsOf(message.rawTrailers),
  };
}

export class NodeServer {
  readonly #server: Server;
  /** In the order in which they began. */
  #requests: Promise<SeenRequest | null>[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (message, answer) => {
      const request = seenRequest(message);
      this.#requests.push(request);
      request.then((whole) => whole !== null && answer.end("ok"));
    });
  }

  static async start(): Promise<NodeServer> {
    const server = createServer({ insecureHTTPParser: false });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new NodeServer(server);
  }

  /** Sends the bytes and the client's end, and waits for the end of the connection. */
  async send(bytes: Buffer): Promise<SeenConnection> {
    const { port } = this.#server.address() as AddressInfo;
    this.#requests = [];
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let answers = "";
    socket.on("data", (piece) => (answers += piece.toString("latin1")));
    socket.on("error", () => {});
    const closed = once(socket, "close");
    socket.on("end", () => socket.end());
    socket.end(bytes);
    await closed;
    const statuses = [...answers.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map((match) =>
      Number(match[1]),
    );
    const final = statuses.filter((status) => status >= 200);
    const requests = await Promise.all(this.#requests);
    return { requests: requests.filter((request) => request !== null), statuses: final };
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
