/**
 * How many connections there are, in all and of each address, and what one more gets. Knows numbers
 * and addresses only; whose address counts and whose does not is for the server to say.
 */
import { parseIpAddress } from "../http/ip-address.ts";

/** Bytes of an IPv6 address that name one network (RFC 4291 section 2.5.4), mostly one customer. */
const IPV6_PREFIX_BYTES = 8;

/**
 * What a connection gets: it is served; or it looks again a little later, since one that has ended
 * may not be counted yet; or it is told that it is one too many.
 */
export type Standing = "served" | "waiting" | "turnedAway";

/** A connection among the others; give it back with {@link ConnectionPlaces.leave}. */
export interface ConnectionPlace {
  readonly standing: Standing;
  /** Stands for its address; null where that does not count. */
  readonly key: string | null;
}

export interface ConnectionLimits {
  /** Connections that are served at once; null for any number. */
  readonly connectionsMax: number | null;
  /** Of one address. */
  readonly connectionsPerAddressMax: number | null;
}

type Counts = Record<Standing, number>;

/**
 * Each limit bounds those that are served. As many more may wait, and as many more be there to take
 * the answer that they are too many; neither keeps anybody out who comes later.
 */
export class ConnectionPlaces {
  readonly #limits: ConnectionLimits;
  readonly #all: Counts = { served: 0, waiting: 0, turnedAway: 0 };
  readonly #ofAddresses = new Map<string, Counts>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Addresses that have connections, where they are counted. */
  get addressCount(): number {
    return this.#ofAddresses.size;
  }

  /** @param host as for {@link ConnectionPlaces.enter} */
  wouldServe(host: string | null): boolean {
    return this.#isFree("served", this.#keyOf(host));
  }

  /**
   * Counts one more connection.
   *
   * @param host numeric; an IPv6 address stands for its /64, all of which one client mostly has.
   *   null where it does not count
   * @param mayWait whether it looks again where there is no place
   * @returns null where there are too many even of those that are turned away
   */
  enter(host: string | null, mayWait: boolean): ConnectionPlace | null {
    const key = this.#keyOf(host);
    if (this.#isFree("served", key)) return this.#take("served", key);
    if (mayWait && this.#isFree("waiting", key)) return this.#take("waiting", key);
    return this.#isFree("turnedAway", key) ? this.#take("turnedAway", key) : null;
  }

  /** The connection is closed, or enters again. Called once for each place. */
  leave({ standing, key }: ConnectionPlace): void {
    this.#all[standing]--;
    const counts = key === null ? undefined : this.#ofAddresses.get(key);
    if (key === null || counts === undefined) return;
    counts[standing]--;
    const { served, waiting, turnedAway } = counts;
    if (served + waiting + turnedAway === 0) this.#ofAddresses.delete(key);
  }

  #isFree(standing: Standing, key: string | null): boolean {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits;
    if (connectionsMax !== null && this.#all[standing] >= connectionsMax) return false;
    if (connectionsPerAddressMax === null || key === null) return true;
    return (this.#ofAddresses.get(key)?.[standing] ?? 0) < connectionsPerAddressMax;
  }

  #take(standing: Standing, key: string | null): ConnectionPlace {
    this.#all[standing]++;
    if (key !== null) {
      const counts = this.#ofAddresses.get(key) ?? { served: 0, waiting: 0, turnedAway: 0 };
      counts[standing]++;
      this.#ofAddresses.set(key, counts);
    }
    return { standing, key };
  }

  #keyOf(host: string | null): string | null {
    return host === null || this.#limits.connectionsPerAddressMax === null ? null : keyOf(host);
  }
}

function keyOf(host: string): string {
  const zone = host.indexOf("%");
  const address = parseIpAddress(zone === -1 ? host : host.slice(0, zone));
  // All hosts of a link share the network of their link-local addresses (RFC 4291 section 2.5.6).
  if (address === null || isLinkLocal(address)) return host;
  return Buffer.from(address.subarray(0, IPV6_PREFIX_BYTES)).toString("hex");
}

function isLinkLocal(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && ((address[1] as number) & 0xc0) === 0x80;
}
