/**
 * Chooses how a client's connections are made. Opens none.
 */
import { systemLibraries } from "../os/libc.ts";
import type { Connector } from "./connector.ts";
import { EpollConnector } from "./epoll-connector.ts";
import { NodeConnector } from "./node-connector.ts";

/**
 * Our own system calls where they are available, and `node:net` otherwise.
 *
 * @param onFatal takes what is thrown inside the reactor, where it cannot be thrown further
 */
export function openConnector(onFatal: (error: unknown) => void): Connector {
  const libraries = systemLibraries();
  if ("unavailable" in libraries) return new NodeConnector();
  return new EpollConnector(libraries, onFatal);
}
