/**
 * The address to connect to of a host that has a name: the first of its addresses at which somebody
 * accepts, as clients in general look for it (RFC 8305 does it faster, for the impatient).
 */
import { lookup } from "node:dns/promises";
import { isIPv4, isIPv6 } from "node:net";
import { SystemCallError } from "../base/errors.ts";
import type { SocketAddress } from "../os/socket-address.ts";
import type { Connector } from "./connector.ts";

/** Addresses that are tried. */
const ADDRESSES_MAX = 16;

/**
 * @returns the address of a host that is numeric as it is, without asking anybody
 * @throws {SystemCallError} of the last address, or ENOTFOUND and the like where there is none
 * @bound `timeoutMs` for each address
 */
export async function reachableAddress(
  connector: Connector,
  host: string,
  port: number,
  timeoutMs: number,
): Promise<SocketAddress> {
  if (isIPv4(host)) return { family: "inet", host, port };
  if (isIPv6(host)) return { family: "inet6", host, port };
  const addresses = await addressesOf(host, port);
  const [only] = addresses;
  if (only !== undefined && addresses.length === 1) return only;
  let failure: Error | null = null;
  for (const address of addresses) {
    failure = await whyUnreachable(connector, address, timeoutMs);
    if (failure === null) return address;
  }
  throw failure ?? new SystemCallError("ENOTFOUND", 0, "getaddrinfo", `looking ${host} up`);
}

async function addressesOf(host: string, port: number): Promise<SocketAddress[]> {
  try {
    const found = await lookup(host, { all: true, order: "verbatim" });
    return found.slice(0, ADDRESSES_MAX).map(({ address, family }) => ({
      family: family === 6 ? "inet6" : "inet",
      host: address,
      port,
    }));
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new SystemCallError(code, 0, "getaddrinfo", `looking ${host} up`);
  }
}

/** @returns null where a connection was made, which is closed again */
function whyUnreachable(
  connector: Connector,
  address: SocketAddress,
  timeoutMs: number,
): Promise<Error | null> {
  return new Promise((resolve) => {
    const attempt = connector.connect(address, {
      onConnected: (stream) => {
        clearTimeout(timer);
        stream.close();
        resolve(null);
      },
      onUnconnected: (error) => {
        clearTimeout(timer);
        resolve(error);
      },
    });
    const timer = setTimeout(() => {
      attempt.cancel();
      const doing = `waiting ${timeoutMs} ms for a connection`;
      resolve(new SystemCallError("ETIMEDOUT", 0, "connect", doing));
    }, timeoutMs);
  });
}
