/**
 * Taking listening sockets over from another process of the same program: the side that takes. The
 * side that gives, and what is said between the two, is `takeover.ts`.
 *
 * Until the predecessor has given them, the sockets are shared: whatever becomes of this process,
 * it leaves their files and what waits in their queues alone.
 */
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import {
  type BindAddress,
  formatBindAddress,
  parseBindAddress,
  resolveBindAddress,
} from "../net/bind-address.ts";
import type { Listener, Transport } from "../net/transport.ts";
import { formatAddress } from "../os/socket-address.ts";
import { within } from "./bounded-wait.ts";
import {
  CHANNEL_DESCRIPTOR,
  type OfferedSocket,
  SERVING,
  TAKEOVER_VARIABLE,
  type TakeoverOffer,
} from "./takeover.ts";

/** A predecessor answers in its next turn, or has ended. */
const RELEASE_WAIT_MS = 10_000;

export class Inheritance {
  /** PID of the process whose sockets these are. */
  readonly predecessor: number;
  readonly #sockets: readonly OfferedSocket[];
  readonly #unclaimed: Set<OfferedSocket>;
  readonly #channel: Socket;
  readonly #adopted: Listener[] = [];
  /** Resolves when the predecessor has ended the stream, or has itself ended. */
  readonly #released: Promise<void>;

  private constructor(offer: TakeoverOffer, channel: Socket) {
    this.predecessor = offer.predecessor;
    this.#sockets = offer.sockets;
    this.#unclaimed = new Set(offer.sockets);
    this.#channel = channel;
    this.#released = new Promise((resolve) => channel.once("close", () => resolve()));
  }

  /** @returns null where this process was not started to take anything over */
  static read(env: Readonly<Record<string, string | undefined>>): Inheritance | null {
    const text = env[TAKEOVER_VARIABLE];
    if (text === undefined) return null;
    const channel = new Socket({ fd: CHANNEL_DESCRIPTOR, readable: true, writable: true });
    // The predecessor is gone then, and the end of the stream says the same.
    channel.on("error", () => {});
    channel.unref();
    return new Inheritance(JSON.parse(text) as TakeoverOffer, channel);
  }

  /** What a service manager had passed to the first process of all. */
  get passedSockets(): BindAddress[] {
    return this.#sockets
      .map(({ bind }) => parseBindAddress(bind))
      .filter(({ kind }) => kind === "descriptor");
  }

  /**
   * The inherited socket for an address, or a new one.
   *
   * @throws {OperatorError} exit status 1: as {@link Transport.listen}
   */
  async listen(transport: Transport, address: BindAddress, backlog: number): Promise<Listener> {
    const inherited = await this.adopt(transport, address, backlog);
    return inherited ?? transport.listen(address, backlog);
  }

  /** The inherited socket for an address; null where there is none, or none any more. */
  async adopt(
    transport: Transport,
    address: BindAddress,
    backlog: number,
  ): Promise<Listener | null> {
    const socket = await this.#claim(address);
    if (socket === null) return null;
    const listener = await transport.adopt(socket.descriptor, backlog, socket.file);
    listener.shared = true;
    this.#adopted.push(listener);
    return listener;
  }

  /** Closes what the options do not ask for any more; the predecessor still has it. */
  closeUnclaimed(): void {
    for (const { descriptor } of this.#unclaimed) closeSync(descriptor);
    this.#unclaimed.clear();
  }

  /**
   * Says that this process accepts, and waits until the sockets are its own: the predecessor has
   * said so, or is gone. From one that does neither within {@link RELEASE_WAIT_MS} they stay
   * shared.
   */
  async announce(): Promise<void> {
    this.#channel.ref();
    // Only its end counts: the predecessor ends the stream with its word, and so does the kernel.
    this.#channel.resume();
    this.#channel.write(SERVING);
    const released = this.#released.then(() => true);
    const isShared = (await within(released, RELEASE_WAIT_MS)) === null;
    for (const listener of this.#adopted) listener.shared = isShared;
  }

  /** As it is written comes before as it is bound: only the first tells two ports 0 apart. */
  async #claim(address: BindAddress): Promise<OfferedSocket | null> {
    const unclaimed = [...this.#unclaimed];
    const written = formatBindAddress(address);
    let found = unclaimed.find(({ bind }) => bind === written);
    if (found === undefined && address.kind !== "descriptor" && unclaimed.length > 0) {
      const bound = formatAddress(await resolveBindAddress(address));
      found = unclaimed.find((socket) => socket.address === bound);
    }
    if (found === undefined) return null;
    this.#unclaimed.delete(found);
    return found;
  }
}
