/**
 * Chooses how a client's connections are made. Opens none.
 */
import { systemLibraries } from "../os/libc.ts";
import type { Connector } from "./connector.ts";
import { EpollConnector } from "./epoll-connector.ts";
import { NodeConnector } from "./node-connector.ts";
import { throwLater } from "./throw-later.ts";

/** Our own system calls where they are available, and `node:net` otherwise. */
export function openConnector(): Connector {
  const libraries = systemLibraries();
  if ("unavailable" in libraries) return new NodeConnector();
  return new EpollConnector(libraries, throwLater);
}
