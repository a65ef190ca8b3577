/**
 * Why an address cannot be listened on, as one line for the person who asked for it. Makes no call.
 */
import { dirname } from "node:path";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { formatAddress, type SocketAddress } from "../os/socket-address.ts";

/**
 * Ports below this one need a privilege, ip(7), unless net.ipv4.ip_unprivileged_port_start says
 * otherwise.
 */
const FIRST_UNPRIVILEGED_PORT = 1024;

/**
 * @param code errno name of the call that failed: `EADDRINUSE`
 * @returns exit status 1; one line with the address and the remedy
 */
export function listenError(address: SocketAddress, code: string): OperatorError {
  return cannotListen(address, reasonAndRemedy(address, code));
}

/** @param why reason, `; `, remedy */
export function cannotListen(address: SocketAddress, why: string): OperatorError {
  return new OperatorError(
    EXIT_STATUS.failure,
    `cannot listen on ${formatAddress(address)}: ${why}`,
  );
}

/** @param why continues "it": `is no socket` */
export function cannotAdopt(descriptor: number, why: string): OperatorError {
  return new OperatorError(
    EXIT_STATUS.failure,
    `cannot listen on fd://${descriptor}: descriptor ${descriptor} ${why}; ` +
      "whoever starts this program has to pass a listening stream socket there",
  );
}

function reasonAndRemedy(address: SocketAddress, code: string): string {
  if (address.family === "unix") return unixReason(address.path, code);
  const { port } = address;
  switch (code) {
    case "EADDRINUSE":
      return (
        "another socket is there already; stop that program " +
        `(ss -ltnp "sport = :${port}" names it) or choose another port with --bind`
      );
    case "EACCES":
      return port < FIRST_UNPRIVILEGED_PORT
        ? `ports below ${FIRST_UNPRIVILEGED_PORT} need the capability CAP_NET_BIND_SERVICE; ` +
            "choose a higher port with --bind, or grant it"
        : "the system does not permit it (EACCES); choose another address with --bind";
    case "EADDRNOTAVAIL":
      return (
        "no interface of this machine has that address (`ip address` lists them); " +
        "use one of them, or 0.0.0.0 for all"
      );
    case "EAFNOSUPPORT":
      return "this system has no IPv6; use an IPv4 address such as 0.0.0.0";
    case "EMFILE":
    case "ENFILE":
      return `no descriptor is left (${code}); raise the limit (ulimit -n)`;
    default:
      return `the system refused (${code}); choose another address with --bind`;
  }
}

function unixReason(path: string, code: string): string {
  switch (code) {
    case "EADDRINUSE":
      return "another program listens there already; stop it, or choose another path with --bind";
    case "ENOENT":
    case "ENOTDIR":
      return `there is no folder ${dirname(path)}; make it, or choose another path`;
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return (
        `no permission to make or use that file (${code}); ` +
        "choose a folder that this user may write to"
      );
    default:
      return `the system refused (${code}); choose another path with --bind`;
  }
}
