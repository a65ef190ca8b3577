/**
 * What the kernel makes of a listening socket's settings. Opens none.
 */
import { readFileSync } from "node:fs";
import type { SocketAddress } from "../os/socket-address.ts";

/**
 * The bound that the kernel applies to an accept queue: the smaller of `backlog` and somaxconn,
 * listen(2).
 */
export function effectiveBacklog(backlog: number): number {
  try {
    return Math.min(backlog, Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8")));
  } catch {
    return backlog;
  }
}

/**
 * Whether a socket for `wanted` must leave IPv4 alone. `[::]:80` serves both families, as most
 * expect of it, unless a socket of our own already serves IPv4 on that port.
 */
export function leavesIPv4Alone(
  wanted: SocketAddress,
  listeners: Iterable<{ readonly address: SocketAddress }>,
): boolean {
  if (wanted.family !== "inet6") return false;
  for (const { address } of listeners) {
    if (address.family === "inet" && address.port === wanted.port) return true;
  }
  return false;
}
