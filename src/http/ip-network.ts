/**
 * IP networks in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3), and lists of them as
 * operators write them.
 *
 * Pure. Knows neither whose networks they are nor what belonging to one means.
 */
import { formatIpAddress, type IpAddress, parseIpAddress, parseIPv6Address } from "./ip-address.ts";

/** An IPv4-mapped network, `::ffff:0:0/96` or narrower, is the IPv4 network that it stands for. */
const MAPPED_PREFIX_BITS = 96;

/** All addresses that begin with the same bits. */
export interface IpNetwork {
  /** Its first address: the bits behind the prefix are zero. */
  readonly address: IpAddress;
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixBits: number;
}

/** A network, or why the text is none, in words that follow the text. */
export type ParsedNetwork =
  | { readonly kind: "network"; readonly network: IpNetwork }
  | { readonly kind: "refused"; readonly why: string };

/**
 * Reads `address/prefix-length`, or an address alone, which is a network of one.
 *
 * Bits behind the prefix must be zero: who writes `10.0.0.5/8` meant either one host or a network,
 * and only the writer knows which.
 */
export function parseIpNetwork(text: string): ParsedNetwork {
  const slash = text.indexOf("/");
  const addressText = slash === -1 ? text : text.slice(0, slash);
  const address = parseIpAddress(addressText);
  if (address === null) {
    return refused("is not an IP address or network, such as 10.0.0.0/8 or 2001:db8::/32");
  }
  const bitsMax = address.length * 8;
  if (slash === -1) return { kind: "network", network: { address, prefixBits: bitsMax } };
  const lengthText = text.slice(slash + 1);
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(lengthText)) {
    return refused("needs a number of bits behind the slash, such as 10.0.0.0/8");
  }
  const isMapped = bitsMax === 32 && parseIPv6Address(addressText) !== null;
  const prefixBits = Number(lengthText) - (isMapped ? MAPPED_PREFIX_BITS : 0);
  if (prefixBits < 0 || prefixBits > bitsMax) {
    const least = isMapped ? MAPPED_PREFIX_BITS : 0;
    return refused(`has a prefix length out of range: ${least} to ${least + bitsMax}`);
  }
  const first = firstAddress(address, prefixBits);
  if (!first.every((byte, index) => byte === address[index])) {
    const network = formatIpNetwork({ address: first, prefixBits });
    const host = formatIpAddress(address);
    return refused(`has bits set behind its prefix: say ${network}, or ${host} for one address`);
  }
  return { kind: "network", network: { address, prefixBits } };
}

function refused(why: string): ParsedNetwork {
  return { kind: "refused", why };
}

function firstAddress(address: IpAddress, prefixBits: number): IpAddress {
  return address.map((byte, index) => byte & maskByte(prefixBits - index * 8));
}

/** The byte whose `bits` highest bits are set; `bits` may lie outside of 0 to 8. */
function maskByte(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 8 ? 0xff : (0xff << (8 - bits)) & 0xff;
}

/** `10.0.0.0/8`; an address alone where the network holds only one. */
export function formatIpNetwork(network: IpNetwork): string {
  const { address, prefixBits } = network;
  const text = formatIpAddress(address);
  return prefixBits === address.length * 8 ? text : `${text}/${prefixBits}`;
}

function networkContains(network: IpNetwork, address: IpAddress): boolean {
  if (network.address.length !== address.length) return false;
  for (let index = 0, bits = network.prefixBits; bits > 0; index++, bits -= 8) {
    const difference = (network.address[index] as number) ^ (address[index] as number);
    if ((difference & maskByte(bits)) !== 0) return false;
  }
  return true;
}

/**
 * A list of networks, in which `*` stands for every address. Immutable.
 *
 * @bound `contains` looks at each network once
 */
export class IpNetworks {
  readonly #networks: readonly IpNetwork[];
  /** `*` is in the list. */
  readonly all: boolean;

  /** @param all whether every address belongs to it, whatever the networks */
  constructor(networks: readonly IpNetwork[], all: boolean) {
    this.#networks = networks;
    this.all = all;
  }

  /**
   * Whether the address belongs to the list. A zone (`fe80::1%2`) is not looked at.
   *
   * @param address numeric; a text that is no address belongs to nothing but `*`
   */
  contains(address: string): boolean {
    if (this.all) return true;
    if (this.#networks.length === 0) return false;
    const zone = address.indexOf("%");
    const parsed = parseIpAddress(zone === -1 ? address : address.slice(0, zone));
    return parsed !== null && this.#networks.some((network) => networkContains(network, parsed));
  }

  /**
   * Whether the list singles the address out: as {@link IpNetworks.contains}, but neither `*` nor a
   * network of prefix length 0 counts, since they hold everybody.
   */
  names(address: IpAddress): boolean {
    return this.#networks.some(
      (network) => network.prefixBits > 0 && networkContains(network, address),
    );
  }
}
