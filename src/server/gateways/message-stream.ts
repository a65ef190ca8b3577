/**
 * Lines of JSON over a stream between two processes of this program.
 *
 * Owns the bound of a line. Must not know what is said. `node:net` serves here, as for the control
 * socket: nothing of a request goes this way.
 */
import type { Socket } from "node:net";
import { LineReader } from "../control/control-protocol.ts";
import { type Ask, encodeMessage, MESSAGE_MAX_BYTES, type Said } from "./gateway-messages.ts";

export class MessageStream<Heard> {
  readonly #socket: Socket;
  /** Settled when nothing more can be heard or said; noticed by who listens. */
  readonly closed: Promise<void>;

  constructor(socket: Socket) {
    this.#socket = socket;
    // What it says to that is the end of the other process, which is noticed.
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.once("end", () => socket.destroy());
  }

  /**
   * Begins to listen; until then what is said waits.
   *
   * @param onMessage called for each message, in the order in which they were said
   */
  listen(onMessage: (message: Heard) => void): void {
    const reader = new LineReader(MESSAGE_MAX_BYTES);
    this.#socket.on("data", (bytes: Buffer) => {
      const lines = reader.push(bytes);
      if (lines === null) this.#socket.destroy();
      else for (const line of lines) onMessage(JSON.parse(line) as Heard);
    });
  }

  /** Without effect where the other process is gone. */
  say(message: Ask | Said): void {
    if (this.#socket.writable) this.#socket.write(encodeMessage(message));
  }

  /** Says the last message, and waits until the kernel has it. */
  async sayLast(message: Said): Promise<void> {
    if (!this.#socket.writable) return;
    await new Promise<void>((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.end(encodeMessage(message), () => resolve());
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
