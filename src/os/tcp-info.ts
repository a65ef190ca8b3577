/**
 * What the kernel tells of a TCP socket (`TCP_INFO`, tcp(7)), as far as it concerns one that
 * listens: connections that wait to be accepted. Throws nothing.
 */
import { type Libc, systemLibraries } from "./libc.ts";

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const TCP_LISTEN = 10;
/**
 * Offsets in `struct tcp_info` (linux/tcp.h). Of a socket that listens, the two that count packets
 * of a connection hold the accept queue's length and bound (tcp_get_info in the kernel).
 */
const OFFSET = { state: 0, unacked: 24, sacked: 28 } as const;
const LENGTH_BYTES = 32;

const info = Buffer.allocUnsafeSlow(LENGTH_BYTES);
const lengthWord = new Int32Array(new ArrayBuffer(4));

export interface AcceptQueue {
  /** Connections that are established and wait to be accepted. */
  readonly queued: number;
  /** Beyond so many the kernel drops what comes. */
  readonly queuedMax: number;
}

/**
 * The accept queue of a listening TCP socket, as it is now. Costs one system call.
 *
 * @returns null where the kernel does not tell: another system, a Unix socket, or none that listens
 */
export function acceptQueue(descriptor: number): AcceptQueue | null {
  const libraries = systemLibraries();
  return "unavailable" in libraries ? null : readAcceptQueue(libraries.libc, descriptor);
}

/** {@link acceptQueue}, for whoever has the bindings. */
export function readAcceptQueue(libc: Libc, descriptor: number): AcceptQueue | null {
  lengthWord[0] = LENGTH_BYTES;
  if (libc.getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, info, lengthWord) < 0) return null;
  if (lengthWord[0] < LENGTH_BYTES || info[OFFSET.state] !== TCP_LISTEN) return null;
  return {
    queued: info.readUInt32LE(OFFSET.unacked),
    queuedMax: info.readUInt32LE(OFFSET.sacked),
  };
}
