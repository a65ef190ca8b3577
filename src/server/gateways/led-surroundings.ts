/**
 * What is around a gateway that is one of several: the leader. The PID file, the service manager
 * and the user are the leader's; here are the sockets that it has handed over, and its word that
 * accepting may begin.
 */
import { type BindAddress, parseBindAddress } from "../../net/bind-address.ts";
import type { Listener, Transport } from "../../net/transport.ts";
import { duplicate } from "../../os/sockets.ts";
import { systemLibraries } from "../../os/libc.ts";
import { invariant } from "../../base/errors.ts";
import type { LoadedApplication } from "../../workers/zygote.ts";
import type { GatewaySurroundings } from "../surroundings.ts";
import type { GatewayOffer } from "./gateway-messages.ts";

export class LedSurroundings implements GatewaySurroundings {
  /** The addresses, in the order in which {@link LedSurroundings.listen} is called for them. */
  readonly bind: readonly BindAddress[];
  /** Settled once it waits for the leader's word. */
  readonly loaded: Promise<LoadedApplication>;
  /** Settled once it accepts. */
  readonly serving: Promise<void>;
  readonly #offer: GatewayOffer;
  readonly #loaded = Promise.withResolvers<LoadedApplication>();
  readonly #permission = Promise.withResolvers<void>();
  readonly #serving = Promise.withResolvers<void>();
  readonly #unopened: BindAddress[];
  readonly #own: Listener[] = [];
  /** Sockets of the other gateways, by these. */
  readonly #others = new Map<number, Listener[]>();
  readonly #standingIn = new Map<number, Listener[]>();

  constructor(offer: GatewayOffer) {
    this.#offer = offer;
    this.bind = offer.binds.map((text) => parseBindAddress(text));
    this.#unopened = [...this.bind];
    this.loaded = this.#loaded.promise;
    this.serving = this.#serving.promise;
  }

  /** The socket for an address: this gateway's own, or the one for all. */
  async listen(transport: Transport, address: BindAddress, backlog: number): Promise<Listener> {
    const place = this.#offer.binds.length - this.#unopened.length;
    invariant(this.#unopened.shift() === address, "addresses are opened in their order");
    let own: Listener | null = null;
    for (const { place: of, owner, descriptor } of this.#offer.sockets) {
      if (of !== place) continue;
      const listener = await transport.adopt(descriptor, backlog, null);
      if (owner === null || owner === this.#offer.index) own = listener;
      else this.#others.set(owner, [...(this.#others.get(owner) ?? []), listener]);
      // Accepted from by all; so each takes one connection at a time.
      listener.shared = owner === null;
    }
    invariant(own !== null, "every address has a socket for each gateway");
    this.#own.push(own);
    return own;
  }

  /** Sockets of other gateways, from which a stop takes what waits. */
  get reserves(): Listener[] {
    return [...this.#others.values()].flat();
  }

  /**
   * Opens the sockets of a gateway that is gone once more, to be accepted from.
   *
   * @returns none where that is done already
   */
  async standIn(owner: number, transport: Transport, backlog: number): Promise<Listener[]> {
    const libraries = systemLibraries();
    if (this.#standingIn.has(owner) || "unavailable" in libraries) return [];
    const opened: Listener[] = [];
    this.#standingIn.set(owner, opened);
    for (const { descriptor } of this.#others.get(owner) ?? []) {
      if (descriptor === null) continue;
      const copy = duplicate(libraries.libc, descriptor);
      opened.push(await transport.adopt(copy, backlog, null));
    }
    return opened;
  }

  /** Its owner accepts from them again. */
  standDown(owner: number): void {
    for (const listener of this.#standingIn.get(owner) ?? []) {
      listener.shared = true;
      listener.stop();
    }
    this.#standingIn.delete(owner);
  }

  /** Whether what waits in the queues when it stops is this gateway's to answer. */
  takeWhatWaits(takes: boolean): void {
    for (const listener of [...this.#own, ...this.reserves, ...this.#standIns]) {
      listener.shared = !takes;
    }
    for (const listener of this.#standIns) listener.stop();
    this.#standingIn.clear();
  }

  permit(): void {
    this.#permission.resolve();
  }

  async beforeAccepting(loaded: LoadedApplication): Promise<void> {
    this.#loaded.resolve(loaded);
    await this.#permission.promise;
  }

  async onServing(): Promise<void> {
    this.#serving.resolve();
  }

  onBound(): void {}
  onReloading(): void {}
  onReloaded(): void {}
  onStopping(): void {}
  onHandedOver(): void {}
  sweep(): void {}

  get #standIns(): Listener[] {
    return [...this.#standingIn.values()].flat();
  }
}
