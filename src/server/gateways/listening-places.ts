/**
 * The listening sockets of a program with several gateways, which its leader binds and keeps open:
 * what waits in a queue is lost with the last descriptor of its socket, and not before.
 *
 * Owns which addresses get a socket for each gateway (SO_REUSEPORT, so that the kernel spreads
 * connections), and which one socket for all. Accepts nothing.
 */
import { type BindAddress, formatBindAddress } from "../../net/bind-address.ts";
import type { Listener, Transport } from "../../net/transport.ts";
import { systemLibraries } from "../../os/libc.ts";
import { sharesPort } from "../../os/sockets.ts";
import type { Surroundings } from "../surroundings.ts";
import type { ListeningPlace } from "../takeover.ts";
import { SOCKETS_DESCRIPTOR } from "./gateway-process.ts";
import type { SocketShare } from "./gateway-messages.ts";

/** An address that was asked for, with one socket for each gateway, or one alone for all. */
export interface GroupPlace {
  readonly bind: BindAddress;
  readonly listeners: readonly Listener[];
}

/**
 * Opens the sockets of one address, or takes inherited ones over.
 *
 * A Unix socket has one queue, and a socket that somebody else has opened has the one that it has:
 * from these all gateways accept.
 *
 * @throws {OperatorError} exit status 1: the address cannot be had
 */
export async function openPlace(
  bind: BindAddress,
  gateways: number,
  backlog: number,
  transport: Transport,
  surroundings: Pick<Surroundings, "inherited">,
): Promise<GroupPlace> {
  const inherited = await surroundings.inherited(transport, bind, backlog);
  if (bind.kind !== "tcp") {
    return { bind, listeners: [inherited ?? (await transport.listen(bind, backlog))] };
  }
  const first = inherited ?? (await transport.listen(bind, backlog, "first"));
  if (inherited !== null && !isOneOfSeveral(inherited)) return { bind, listeners: [inherited] };
  const listeners = [first];
  while (listeners.length < gateways) {
    const next = await surroundings.inherited(transport, bind, backlog);
    listeners.push(next ?? (await transport.listen(boundTo(first, bind), backlog, "further")));
  }
  return { bind, listeners };
}

/** All sockets, each as what it was asked for. */
export function listeningPlaces(places: readonly GroupPlace[]): ListeningPlace[] {
  return places.flatMap(({ bind, listeners }) => listeners.map((listener) => ({ bind, listener })));
}

/** How a gateway is told of the sockets that {@link listeningPlaces} lists, in the same order. */
export function socketShares(places: readonly GroupPlace[]): SocketShare[] {
  const shares = places.flatMap(({ listeners }, place) =>
    listeners.map((_, index) => ({ place, owner: listeners.length === 1 ? null : index })),
  );
  return shares.map((share, index) => ({ ...share, descriptor: SOCKETS_DESCRIPTOR + index }));
}

/** Addresses as they were asked for. */
export function placeNames(places: readonly GroupPlace[]): string[] {
  return places.map(({ bind }) => formatBindAddress(bind));
}

/** Where port 0 was asked for, the others need the port that the first one got. */
function boundTo({ address }: Listener, bind: BindAddress): BindAddress {
  return address.family === "unix" ? bind : { kind: "tcp", host: address.host, port: address.port };
}

function isOneOfSeveral({ descriptor }: Listener): boolean {
  const libraries = systemLibraries();
  return descriptor !== null && !("unavailable" in libraries)
    ? sharesPort(libraries.libc, descriptor)
    : false;
}
