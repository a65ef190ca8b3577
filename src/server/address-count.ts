/**
 * How many connections each address has, and what one more gets. Knows addresses only; whose count
 * and whose do not is for the server to say.
 */
import { parseIpAddress } from "../http/ip-address.ts";

/** Bytes of an IPv6 address that name one network (RFC 4291 section 2.5.4), mostly one customer. */
const IPV6_PREFIX_BYTES = 8;

/**
 * A connection among those of its address; give it back with {@link AddressCount.leave}.
 *
 * `isOneTooMany` says that it is to be turned away with an answer.
 */
export interface AddressPlace {
  readonly key: string;
  readonly isOneTooMany: boolean;
}

interface Counts {
  served: number;
  turnedAway: number;
}

export class AddressCount {
  readonly #max: number;
  readonly #counts = new Map<string, Counts>();

  /**
   * @param max connections of an address that are served; as many more may be there to take the
   *   answer that they are too many
   */
  constructor(max: number) {
    this.#max = max;
  }

  /** Addresses that have connections. */
  get size(): number {
    return this.#counts.size;
  }

  /**
   * Counts one more connection.
   *
   * @param host numeric; an IPv6 address stands for its /64, all of which one client mostly has
   * @returns null where the address has too many even of those that are turned away
   */
  enter(host: string): AddressPlace | null {
    const key = keyOf(host);
    const counts = this.#counts.get(key) ?? { served: 0, turnedAway: 0 };
    const isOneTooMany = counts.served >= this.#max;
    if (isOneTooMany && counts.turnedAway >= this.#max) return null;
    if (isOneTooMany) counts.turnedAway++;
    else counts.served++;
    this.#counts.set(key, counts);
    return { key, isOneTooMany };
  }

  /** The connection is closed. Called once for each place. */
  leave({ key, isOneTooMany }: AddressPlace): void {
    const counts = this.#counts.get(key);
    if (counts === undefined) return;
    if (isOneTooMany) counts.turnedAway--;
    else counts.served--;
    if (counts.served === 0 && counts.turnedAway === 0) this.#counts.delete(key);
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
