/** How `node:http`, as a client, reads the bytes of one answer. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";

export interface ClientReading {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case. */
  readonly fields: readonly (readonly [string, string])[];
  readonly interim: readonly number[];
  /** One byte a character. */
  readonly content: string;
  /** Why it could not be read, or not as a whole; else null. */
  readonly error: string | null;
}

const NOTHING = { status: 0, reason: "", fields: [], content: "" } as const;

export class AnswerSource {
  readonly #server: Server;
  #answer: Buffer = Buffer.alloc(0);

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      socket.on("error", () => {});
      // The client's request is complete with its head: it has no content.
      socket.once("data", () => socket.end(this.#answer));
    });
  }

  static async open(): Promise<AnswerSource> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new AnswerSource(server);
  }

  /** Makes a request with the method, gives it the answer, and says how that was read. */
  async read(method: string, answer: Buffer): Promise<ClientReading> {
    this.#answer = answer;
    const { port } = this.#server.address() as AddressInfo;
    const interim: number[] = [];
    const sent = request({ port, host: "127.0.0.1", method, path: "/", agent: false });
    sent.on("continue", () => interim.push(100));
    sent.on("information", ({ statusCode }) => {
      if (statusCode !== 100) interim.push(statusCode);
    });
    const { promise, resolve } = Promise.withResolvers<IncomingMessage | string>();
    sent.on("response", resolve);
    sent.on("connect", (message, socket) => {
      socket.destroy();
      resolve(message);
    });
    sent.on("error", ({ message }) => resolve(message));
    sent.end();
    const message = await promise;
    if (typeof message === "string") return { ...NOTHING, interim, error: message };
    return { ...(await readMessage(message)), interim };
  }

  close(): void {
    this.#server.close();
  }
}

async function readMessage(message: IncomingMessage): Promise<Omit<ClientReading, "interim">> {
  const pieces: Buffer[] = [];
  let error: string | null = null;
  try {
    for await (const piece of message) pieces.push(piece);
  } catch (failure) {
    error = failure instanceof Error ? failure.message : String(failure);
  }
  const { rawHeaders } = message;
  const fields: [string, string][] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    fields.push([(rawHeaders[index] ?? "").toLowerCase(), rawHeaders[index + 1] ?? ""]);
  }
  return {
    status: message.statusCode ?? 0,
    reason: message.statusMessage ?? "",
    fields,
    content: Buffer.concat(pieces).toString("latin1"),
    error,
  };
}
