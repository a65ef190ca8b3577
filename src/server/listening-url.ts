/**
 * What a person is told of an address that clients come to.
 */
import { formatAddress, type SocketAddress } from "../os/socket-address.ts";

/** `http://127.0.0.1:8000`, `http://[::1]:8000`; `unix:/run/site.sock`, which is no URL. */
export function listeningUrl(address: SocketAddress): string {
  const text = formatAddress(address);
  return address.family === "unix" ? text : `http://${text}`;
}

/** `http://127.0.0.1:9100/metrics`; `unix:/run/metrics.sock, path /metrics`. */
export function pageUrl(address: SocketAddress, path: string): string {
  const place = listeningUrl(address);
  return address.family === "unix" ? `${place}, path ${path}` : `${place}${path}`;
}
