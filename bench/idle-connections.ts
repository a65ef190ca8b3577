/**
 * Connections that are opened to a server and then left alone, and what a process grows by.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";

/** Connections opened and not yet answered. */
const OPENING_MAX = 100;
/** Descriptors of this process that are not connections. */
const OTHER_DESCRIPTORS = 300;

/** Memory of a process that lies in RAM (proc(5)). */
export function residentBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  return 1024 * Number(/^Rss:\s+(\d+) kB/m.exec(rollup)?.[1]);
}

/** As many as were asked for, or as this process may have open. */
export function openableConnections(wanted: number): number {
  const limits = readFileSync("/proc/self/limits", "latin1");
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  return Math.min(wanted, limit - OTHER_DESCRIPTORS);
}

/**
 * Opens so many, a hundred at a time, and where there is a request has it answered on each.
 *
 * @param request  null for a connection that has said nothing yet
 */
export async function openConnections(
  port: number,
  count: number,
  request: Buffer | null,
): Promise<net.Socket[]> {
  const sockets: net.Socket[] = [];
  while (sockets.length < count) {
    const batch = Math.min(OPENING_MAX, count - sockets.length);
    sockets.push(
      ...(await Promise.all(Array.from({ length: batch }, () => connect(port, request)))),
    );
  }
  return sockets;
}

async function connect(port: number, request: Buffer | null): Promise<net.Socket> {
  const socket = net.connect({ port, host: "127.0.0.1" });
  if (request === null) {
    await once(socket, "connect");
    return socket;
  }
  socket.write(request);
  await once(socket, "data");
  // The server may end it while it is idle; whoever holds it then only finds it closed.
  socket.on("error", () => undefined);
  return socket;
}
