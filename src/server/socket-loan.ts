/**
 * Lends a client's socket to the worker that answers it, so that large content leaves by one send,
 * and not by way of the gateway: two copies and a socket less.
 *
 * The head is written here, as any other, and what is left of the content is known: the worker says
 * how much it has sent, and more than was declared ends it.
 */
import type { ByteStream } from "../net/byte-stream.ts";
import type { SocketLoan } from "../workers/application-request.ts";
import type { AnswerOutlet } from "./answer-outlet.ts";
import type { ResponseWriter } from "./response-writer.ts";

/**
 * @returns null where the content needs framing, where the client has not taken what was sent to it
 *   before, and where the socket is Node's
 */
export function lendSocket(
  stream: ByteStream,
  outlet: AnswerOutlet,
  response: ResponseWriter,
): SocketLoan | null {
  if (!response.awaitsPlainContent || outlet.flush() > 0) return null;
  const descriptor = stream.lend();
  return descriptor === null ? null : new ClientLoan(descriptor, outlet, response);
}

class ClientLoan implements SocketLoan {
  readonly descriptor: number;
  readonly #outlet: AnswerOutlet;
  readonly #response: ResponseWriter;

  constructor(descriptor: number, outlet: AnswerOutlet, response: ResponseWriter) {
    this.descriptor = descriptor;
    this.#outlet = outlet;
    this.#response = response;
  }

  onSent(bytes: number): boolean {
    if (!this.#response.addSentByOther(bytes)) return false;
    this.#outlet.addSentByOther(bytes);
    return true;
  }
}
