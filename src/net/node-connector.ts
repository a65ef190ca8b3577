/**
 * A client's connections over `node:net`, with the same behaviour as `epoll-connector.ts` but that
 * alarms know milliseconds.
 */
import { createConnection, type Socket } from "node:net";
import { SystemCallError } from "../base/errors.ts";
import { formatAddress, type SocketAddress } from "../os/socket-address.ts";
import type { Alarm, Attempt, Connector, ConnectWaiter } from "./connector.ts";
import { NodeStream } from "./node-stream.ts";

export class NodeConnector implements Connector {
  readonly name = "node";
  readonly #streams = new Set<NodeStream>();

  connect(address: SocketAddress, waiter: ConnectWaiter): Attempt {
    const socket = open(address);
    const onError = (error: NodeJS.ErrnoException): void => {
      const { code = "unknown error", errno = 0, syscall = "connect" } = error;
      const doing = `connecting to ${formatAddress(address)}`;
      waiter.onUnconnected(new SystemCallError(code, Math.abs(errno), syscall, doing));
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      socket.off("error", onError);
      waiter.onConnected(new NodeStream(socket, this.#streams));
    });
    return {
      cancel: () => {
        if (!socket.connecting) return;
        socket.removeAllListeners();
        socket.on("error", () => {});
        socket.destroy();
      },
    };
  }

  alarm(onRing: () => void): Alarm {
    return new TimeoutAlarm(onRing);
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }
}

function open(address: SocketAddress): Socket {
  const common = { allowHalfOpen: true, noDelay: true };
  return address.family === "unix"
    ? createConnection({ ...common, path: address.path })
    : createConnection({ ...common, host: address.host, port: address.port });
}

class TimeoutAlarm implements Alarm {
  readonly #onRing: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(onRing: () => void) {
    this.#onRing = onRing;
  }

  set(afterMs: number): void {
    this.clear();
    this.#timer = setTimeout(this.#onRing, Math.max(0, afterMs));
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  close(): void {
    this.clear();
  }
}
