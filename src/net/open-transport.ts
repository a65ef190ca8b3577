/**
 * Chooses how the program reaches the network. Opens no socket.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { systemLibraries } from "../os/libc.ts";
import { EpollTransport } from "./epoll-transport.ts";
import { NodeTransport } from "./node-transport.ts";
import type { ReactorKind } from "./reactor.ts";
import { throwLater } from "./throw-later.ts";
import type { Transport } from "./transport.ts";

export type TransportChoice = "auto" | "epoll" | "node";

/**
 * Opens the transport asked for; `auto` takes our own sockets where they are available, and
 * `node:net` otherwise, with one line that says why.
 *
 * @param kind of the reactor, where there is one: `waiting` for one in a process
 * @throws {OperatorError} exit status 1: `epoll` was asked for and is not available
 */
export function openTransport(
  choice: TransportChoice,
  log: Log,
  kind: ReactorKind = "hosted",
): Transport {
  if (choice === "node") return new NodeTransport(log, throwLater);
  const unavailable = (why: string): Transport => {
    if (choice === "epoll") {
      throw new OperatorError(
        EXIT_STATUS.failure,
        `--transport epoll is not available here: ${why}; use --transport auto`,
      );
    }
    log.info("serving through node:net, since our own sockets are not available", { why });
    return new NodeTransport(log, throwLater);
  };
  const libraries = systemLibraries();
  if ("unavailable" in libraries) return unavailable(libraries.unavailable);
  try {
    return new EpollTransport(libraries, kind, log, throwLater);
  } catch (error) {
    return unavailable(error instanceof Error ? error.message : String(error));
  }
}
