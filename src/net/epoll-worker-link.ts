/**
 * A link to a worker by descriptors: two pairs of sockets, one for the channel and one for other
 * descriptors, of body files and of clients' sockets. The worker's ends go to its parent with the
 * message that asks for the worker.
 */
import { invariant } from "../base/errors.ts";
import type { Libc } from "../os/libc.ts";
import type { ByteStream } from "./byte-stream.ts";
import { EpollStream } from "./epoll-stream.ts";
import { NULL_HANDLER } from "./null-handler.ts";
import type { WorkerLink } from "./transport.ts";

/** What carries a descriptor, and says what it is of. */
const FILE_MARK = Buffer.from("F");
const SOCKET_MARK = Buffer.from("S");
const CHUNKED_SOCKET_MARK = Buffer.from("C");
/** Comes alone where the socket is closed. */
const CONTENT_SOCKET_MARK = Buffer.from("I");
/** Comes alone, in a socket's place. */
const NO_SOCKET_MARK = Buffer.from("N");

export class EpollWorkerLink implements WorkerLink {
  readonly offer = { kind: "descriptors" } as const;
  readonly #libc: Libc;
  readonly #channel: EpollStream;
  readonly #files: EpollStream;
  /** The worker's ends, as long as they are ours to close: the channel's, then the files'. */
  #offered: readonly number[];
  #taken = false;

  constructor(libc: Libc, channel: EpollStream, files: EpollStream, offered: readonly number[]) {
    this.#libc = libc;
    this.#channel = channel;
    this.#files = files;
    this.#offered = offered;
    files.handler = { ...NULL_HANDLER, onEnd: () => files.close() };
  }

  sendOffer(control: ByteStream, message: Uint8Array): void {
    invariant(control instanceof EpollStream, "the control stream carries descriptors");
    control.writeWithDescriptors(message, this.#offered);
    this.#closeOffered();
  }

  onStream(callback: (stream: ByteStream) => void): void {
    this.#taken = true;
    callback(this.#channel);
  }

  /** The worker reads one byte from its file socket for each, and gets the descriptor with it. */
  passFile(file: { readonly descriptor: number }): null {
    this.#pass(FILE_MARK, file.descriptor);
    return null;
  }

  passSocket(descriptor: number | null, isChunked: boolean): void {
    const mark = isChunked ? CHUNKED_SOCKET_MARK : SOCKET_MARK;
    this.#pass(descriptor === null ? NO_SOCKET_MARK : mark, descriptor);
  }

  passContentSocket(descriptor: number | null): void {
    this.#pass(CONTENT_SOCKET_MARK, descriptor);
  }

  /** Closes what is the link's own; a stream that was handed over is its owner's. */
  close(): void {
    this.#closeOffered();
    this.#files.close();
    if (!this.#taken) this.#channel.close();
  }

  #pass(mark: Buffer, descriptor: number | null): void {
    if (descriptor === null) this.#files.write(mark, 0, mark.length);
    else this.#files.writeWithDescriptors(mark, [descriptor]);
  }

  #closeOffered(): void {
    for (const fd of this.#offered) this.#libc.close(fd);
    this.#offered = [];
  }
}
