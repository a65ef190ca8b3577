/**
 * Between whom a connection is: its own two ends, or what a proxy says of them; and whose it is
 * where connections are counted by address. Decides what of a PROXY header is believed.
 */
import type { Endpoints } from "../handlers/handler.ts";
import type { ProvenanceReader } from "../handlers/provenance.ts";
import type { ByteStream } from "../net/byte-stream.ts";
import type { ProxyHeader } from "../net/proxy-header-result.ts";

export interface ConnectionOrigin {
  readonly endpoints: Endpoints;
  /** The address that has one connection more; null where all clients of a proxy share it. */
  readonly countedHost: string | null;
}

/** The two ends of the stream itself. */
export function ownEndpoints(stream: ByteStream): Endpoints {
  return { remote: stream.remoteAddress, local: stream.localAddress, scheme: "http" };
}

/**
 * Of a connection that nothing has been said of.
 *
 * @param countsTrusted whether peers that are trusted count as well: they are not known to be
 *   proxies
 */
export function ownOrigin(
  stream: ByteStream,
  provenance: ProvenanceReader,
  countsTrusted: boolean,
): ConnectionOrigin {
  const endpoints = ownEndpoints(stream);
  const { remote } = endpoints;
  const isCounted = remote.family !== "unix" && (countsTrusted || !provenance.trusts(remote));
  return { endpoints, countedHost: isCounted ? remote.host : null };
}

/** @param header from a peer that is trusted; null where it needed to send none */
export function relayedOrigin(
  stream: ByteStream,
  header: ProxyHeader | null,
  provenance: ProvenanceReader,
): ConnectionOrigin {
  const own = ownOrigin(stream, provenance, false);
  switch (header?.kind) {
    case undefined:
    case "own":
      return own;
    case "unknown":
      // Its fields are not the proxy's, who only passes on what somebody sends.
      return { ...own, endpoints: { ...own.endpoints, remoteIsProxy: false } };
    case "client": {
      const { remote, local, scheme } = header;
      const remoteIsProxy = provenance.namesProxy(remote);
      const isCounted = remote.family !== "unix" && !remoteIsProxy;
      return {
        endpoints: { remote, local, scheme, remoteIsProxy },
        countedHost: isCounted ? remote.host : null,
      };
    }
    default:
      return header satisfies never;
  }
}
