/**
 * A client's socket: connecting without waiting, connect(2). Knows no event loop.
 */
import { EINPROGRESS, EINTR, systemCallError } from "./errno.ts";
import type { Libc } from "./libc.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  encodeSockaddr,
  formatAddress,
  type SocketAddress,
} from "./socket-address.ts";
import { disableNagle, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from "./sockets.ts";

const FAMILY = { inet: AF_INET, inet6: AF_INET6, unix: AF_UNIX } as const;

/**
 * Begins to connect a stream socket that is non-blocking and closed on exec. It becomes writable
 * once it is connected, or has failed, and `takeSocketError` says which.
 *
 * @param address host numeric
 * @returns the descriptor
 * @throws {SystemCallError} ECONNREFUSED, ENOENT, EACCES, EADDRNOTAVAIL (no port is left),
 *   ENETUNREACH, EMFILE, ...; EAGAIN where the queue of a Unix socket is full, and later may have
 *   room. Nothing is open then.
 */
export function beginConnecting(libc: Libc, address: SocketAddress): number {
  const doing = `connecting to ${formatAddress(address)}`;
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = libc.socket(FAMILY[address.family], type, 0);
  if (fd < 0) throw systemCallError(libc.errno(), "socket", doing);
  if (address.family !== "unix") disableNagle(libc, fd);
  const encoded = encodeSockaddr(address);
  for (;;) {
    if (libc.connect(fd, encoded, encoded.length) === 0) return fd;
    const errno = libc.errno();
    if (errno === EINPROGRESS) return fd;
    if (errno === EINTR) {
      // Interrupted, a TCP connection goes on being made (connect(2)); a Unix one is asked again.
      if (address.family !== "unix") return fd;
      continue;
    }
    libc.close(fd);
    throw systemCallError(errno, "connect", doing);
  }
}
