/**
 * Lends a client's socket to the worker that answers it, so that large content leaves by one send,
 * and not by way of the gateway: two copies and a socket less.
 *
 * The head is written here, as any other, and so is the last chunk. Where a length was declared,
 * what is left of it is known: the worker says how much it has sent, and more ends it.
 */
import type { ByteStream } from "../net/byte-stream.ts";
import type { SocketLoan } from "../workers/application-request.ts";
import type { AnswerOutlet } from "./answer-outlet.ts";
import type { ResponseWriter } from "./response-writer.ts";

/**
 * @returns null where there is no content to come, where the client has not taken what was sent to
 *   it before, and where the socket is Node's
 */
export function lendSocket(
  stream: ByteStream,
  outlet: AnswerOutlet,
  response: ResponseWriter,
): SocketLoan | null {
  const { awaited } = response;
  if (awaited === null || outlet.flush() > 0) return null;
  const descriptor = stream.lend();
  if (descriptor === null) return null;
  return new ClientLoan(descriptor, awaited === "chunked", outlet, response);
}

class ClientLoan implements SocketLoan {
  readonly descriptor: number;
  readonly isChunked: boolean;
  readonly #outlet: AnswerOutlet;
  readonly #response: ResponseWriter;

  constructor(
    descriptor: number,
    isChunked: boolean,
    outlet: AnswerOutlet,
    response: ResponseWriter,
  ) {
    this.descriptor = descriptor;
    this.isChunked = isChunked;
    this.#outlet = outlet;
    this.#response = response;
  }

  onSent(sentBytes: number, framingBytes: number, rest: Buffer): boolean {
    const contentBytes = sentBytes + rest.length - framingBytes;
    if (contentBytes < 0 || (framingBytes > 0 && !this.isChunked)) return false;
    if (!this.#response.addSentByOther(contentBytes)) return false;
    this.#outlet.addSentByOther(sentBytes);
    if (rest.length > 0) this.#outlet.write(rest, 0, rest.length);
    return true;
  }
}
