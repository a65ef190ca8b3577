/**
 * Operations on sockets that are not on the hot path, typed: a call that fails becomes a
 * `SystemCallError` that says what was being done. Knows no event loop.
 */
import { EBADF, EINTR, systemCallError } from "./errno.ts";
import type { Libc } from "./libc.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  decodeSockaddr,
  encodeSockaddr,
  formatAddress,
  SOCKADDR_MAX_BYTES,
  type SocketAddress,
} from "./socket-address.ts";

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
/** A send to a peer that is gone answers EPIPE; without this it would also raise SIGPIPE. */
export const MSG_NOSIGNAL = 0x4000;
/** One call does not wait, whatever the socket's own mode. */
export const MSG_DONTWAIT = 0x40;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

/** Bytes in a socket's send queue that the peer has not acknowledged (tcp(7), unix(7)). */
const SIOCOUTQ = 0x5411;
const SIOCINQ = 0x541b;

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_TYPE = 3;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_LINGER = 13;
const SO_ACCEPTCONN = 30;
const SO_DOMAIN = 39;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0x800;
const F_DUPFD_CLOEXEC = 1030;

const FAMILY = { inet: AF_INET, inet6: AF_INET6, unix: AF_UNIX } as const;

/** Arguments of socket options and lengths. Off V8's heap, and used only within one call. */
const words = new Int32Array(new ArrayBuffer(8));
const lengthWord = new Int32Array(new ArrayBuffer(4));
const sockaddr = Buffer.allocUnsafeSlow(SOCKADDR_MAX_BYTES);

function check(libc: Libc, result: number, systemCall: string, doing: string): number {
  if (result < 0) throw systemCallError(libc.errno(), systemCall, doing);
  return result;
}

export interface ListenSettings {
  readonly backlog: number;
  /** For a wildcard IPv6 address: whether IPv4 is left to another socket. */
  readonly ipv6Only: boolean;
  /** `none` where it is not given. */
  readonly portSharing?: PortSharing;
}

/**
 * Whether a TCP port has several sockets of ours (SO_REUSEPORT, socket(7)), among which the kernel
 * spreads connections: `first` is the one of them that finds out whether the port is free, and
 * `further` are all others.
 */
export type PortSharing = "none" | "first" | "further";

/**
 * A listening socket, non-blocking and closed on exec.
 *
 * @param address host numeric; port 0 lets the kernel choose
 * @throws {SystemCallError} EADDRINUSE, EACCES, EADDRNOTAVAIL, EAFNOSUPPORT, ENOENT, ENOTDIR,
 *   EMFILE, ...
 */
export function openListeningSocket(
  libc: Libc,
  address: SocketAddress,
  settings: ListenSettings,
): number {
  const { portSharing = "none" } = settings;
  const doing = `binding ${formatAddress(address)}`;
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = check(libc, libc.socket(FAMILY[address.family], type, 0), "socket", doing);
  try {
    if (address.family !== "unix") {
      // The port of a server that has just ended is taken again at once, its old connections in
      // TIME_WAIT or not.
      setIntOption(libc, fd, SOL_SOCKET, SO_REUSEADDR, 1, doing);
    }
    if (portSharing === "further") setIntOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1, doing);
    if (address.family === "inet6") {
      setIntOption(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY, settings.ipv6Only ? 1 : 0, doing);
    }
    const encoded = encodeSockaddr(address);
    check(libc, libc.bind(fd, encoded, encoded.length), "bind", doing);
    // Bound with it, the socket would share a port with any other program of the same user, and a
    // portico that is started twice would take half of the other one's connections.
    if (portSharing === "first") setIntOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1, doing);
    check(libc, libc.listen(fd, settings.backlog), "listen", doing);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/**
 * Why a descriptor that somebody else opened cannot be accepted from; null where it can.
 *
 * @returns continues "it": `is a socket that does not listen`
 */
export function objectionToListening(libc: Libc, fd: number): string | null {
  const type = intOption(libc, fd, SO_TYPE);
  if (type === null) return libc.errno() === EBADF ? "is not open" : "is no socket";
  const family = intOption(libc, fd, SO_DOMAIN);
  if (family !== AF_INET && family !== AF_INET6 && family !== AF_UNIX) {
    return "is neither an IP nor a Unix socket";
  }
  if (type !== SOCK_STREAM) return "is no stream socket";
  return intOption(libc, fd, SO_ACCEPTCONN) === 1 ? null : "is a socket that does not listen";
}

/**
 * Makes a listening descriptor that somebody else opened like one of {@link openListeningSocket}.
 *
 * @throws {SystemCallError} EBADF, ENOTSOCK, EOPNOTSUPP
 */
export function takeOverListeningSocket(libc: Libc, fd: number, backlog: number): void {
  const doing = `taking over descriptor ${fd}`;
  closeOnExec(libc, fd);
  const flags = check(libc, libc.fcntl(fd, F_GETFL, 0), "fcntl", doing);
  check(libc, libc.fcntl(fd, F_SETFL, flags | O_NONBLOCK), "fcntl", doing);
  // Only the bound of its queue changes.
  check(libc, libc.listen(fd, backlog), "listen", doing);
}

/** Whether further sockets can be bound to the port of a TCP socket: see {@link PortSharing}. */
export function sharesPort(libc: Libc, fd: number): boolean {
  return intOption(libc, fd, SO_REUSEPORT) === 1;
}

/** No program that is started from now on gets this descriptor, unless it is handed over. */
export function closeOnExec(libc: Libc, fd: number): void {
  libc.fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/**
 * Sends one datagram to a Unix socket, without waiting.
 *
 * @param address as `encodeUnixName` makes it
 * @returns 0, or the errno
 */
export function sendDatagram(libc: Libc, address: Uint8Array, bytes: Uint8Array): number {
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return libc.errno();
  let result: number;
  do {
    result = libc.connect(fd, address, address.length);
    if (result === 0) result = libc.send(fd, bytes, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (result < 0 && libc.errno() === EINTR);
  const errno = result < 0 ? libc.errno() : 0;
  libc.close(fd);
  return errno;
}

/** @throws {SystemCallError} ENOBUFS, EBADF */
export function localAddressOf(libc: Libc, fd: number): SocketAddress {
  lengthWord[0] = SOCKADDR_MAX_BYTES;
  const result = libc.getsockname(fd, sockaddr, lengthWord);
  check(libc, result, "getsockname", `asking for the local address of descriptor ${fd}`);
  return decodeSockaddr(sockaddr, lengthWord[0]);
}

/**
 * Connects to a Unix socket without waiting and closes again: is somebody listening there?
 *
 * @returns 0, or the errno: ECONNREFUSED where the file is all that is left, EAGAIN where the queue
 *   is full
 */
export function probeUnixSocket(libc: Libc, path: string): number {
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = check(libc, libc.socket(AF_UNIX, type, 0), "socket", `probing ${path}`);
  const encoded = encodeSockaddr({ family: "unix", path });
  let errno: number;
  do {
    errno = libc.connect(fd, encoded, encoded.length) < 0 ? libc.errno() : 0;
  } while (errno === EINTR);
  libc.close(fd);
  return errno;
}

/**
 * Two connected stream sockets, both closed on exec. The first is non-blocking, for our event loop;
 * the second blocks, for a child that expects descriptors as it would have made them.
 *
 * @param bufferBytes wanted for each direction; the kernel takes at most its own bound (wmem_max,
 *   rmem_max)
 * @throws {SystemCallError} EMFILE, ENFILE, ENOBUFS, ENOMEM
 */
export function openSocketPair(libc: Libc, bufferBytes: number | null): [number, number] {
  const doing = "making a pair of sockets";
  const type = SOCK_STREAM | SOCK_CLOEXEC;
  check(libc, libc.socketpair(AF_UNIX, type, 0, words), "socketpair", doing);
  const pair: [number, number] = [words[0] as number, words[1] as number];
  try {
    const [ours] = pair;
    const flags = check(libc, libc.fcntl(ours, F_GETFL, 0), "fcntl", doing);
    check(libc, libc.fcntl(ours, F_SETFL, flags | O_NONBLOCK), "fcntl", doing);
    if (bufferBytes !== null) {
      for (const fd of pair) {
        setIntOption(libc, fd, SOL_SOCKET, SO_SNDBUF, bufferBytes, doing);
        setIntOption(libc, fd, SOL_SOCKET, SO_RCVBUF, bufferBytes, doing);
      }
    }
    return pair;
  } catch (error) {
    for (const fd of pair) libc.close(fd);
    throw error;
  }
}

/**
 * Another descriptor of the same open file, closed on exec.
 *
 * @throws {SystemCallError} EMFILE, EBADF
 */
export function duplicate(libc: Libc, fd: number): number {
  return check(libc, libc.fcntl(fd, F_DUPFD_CLOEXEC, 0), "fcntl", `duplicating descriptor ${fd}`);
}

/**
 * Small writes leave at once. A connection that is already reset refuses the option, which is not
 * news.
 */
export function disableNagle(libc: Libc, fd: number): void {
  words[0] = 1;
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, words, 4);
}

/** Makes the next close send RST and drop what is unsent. Without effect on Unix sockets. */
export function lingerZero(libc: Libc, fd: number): void {
  words[0] = 1;
  words[1] = 0;
  libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, words, 8);
}

/**
 * What the kernel has taken for the peer and the peer has not acknowledged, in bytes; null where it
 * does not say. Over a Unix socket the kernel's own overhead is counted in.
 */
export function unacknowledgedBytesOf(libc: Libc, fd: number): number | null {
  return libc.ioctl(fd, SIOCOUTQ, words) < 0 ? null : (words[0] as number);
}

/** What has come and has not been read, in bytes; null where the kernel does not say. */
export function unreadBytesOf(libc: Libc, fd: number): number | null {
  return libc.ioctl(fd, SIOCINQ, words) < 0 ? null : (words[0] as number);
}

/** The error that is pending on the socket, which this clears; 0 for none. */
export function takeSocketError(libc: Libc, fd: number): number {
  lengthWord[0] = 4;
  words[0] = 0;
  return libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, words, lengthWord) < 0 ? libc.errno() : words[0];
}

/** A socket option of level SOL_SOCKET; null where the kernel does not say. */
function intOption(libc: Libc, fd: number, name: number): number | null {
  lengthWord[0] = 4;
  return libc.getsockopt(fd, SOL_SOCKET, name, words, lengthWord) < 0 ? null : (words[0] as number);
}

function setIntOption(
  libc: Libc,
  fd: number,
  level: number,
  name: number,
  value: number,
  doing: string,
): void {
  words[0] = value;
  check(libc, libc.setsockopt(fd, level, name, words, 4), "setsockopt", doing);
}
