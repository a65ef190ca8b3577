/**
 * What a PROXY header says, and everything that can be wrong with one. Sections are those of "The
 * PROXY protocol, versions 1 & 2" by HAProxy (proxy-protocol.txt of 2020-03-05).
 */
import type { SocketAddress } from "../os/socket-address.ts";

export type ProxyHeader =
  /** The proxy speaks for itself, as in a health check: the connection's own ends are true. */
  | { readonly kind: "own" }
  /**
   * The proxy speaks for somebody whom it cannot name. The connection's own ends are used, but what
   * comes over it is not the proxy's word.
   */
  | { readonly kind: "unknown" }
  /** The ends of the connection that a client made to the proxy, and what it was made with. */
  | {
      readonly kind: "client";
      readonly remote: SocketAddress;
      readonly local: SocketAddress;
      readonly scheme: "http" | "https";
    };

type Violation = readonly [section: string, message: string];

/** The connection is aborted after each of them (sections 2.1 and 2.2). */
export const PROXY_VIOLATIONS = {
  PROXY_HEADER_MISSING: ["2", "the connection does not begin with a PROXY header"],
  PROXY_HEADER_INCOMPLETE: ["2.2", "the connection ended within its PROXY header"],
  PROXY_HEADER_LATE: ["2", "the PROXY header did not arrive in time"],
  PROXY_LINE_TOO_LONG: ["2.1", "no CRLF in the first 107 bytes"],
  PROXY_LINE_END: ["2.1", "CR without LF, or LF without CR"],
  PROXY_LINE_INVALID: ["2.1", "not PROXY, a protocol, two addresses, two ports, a space between"],
  PROXY_ADDRESS_INVALID: ["2.1", "an address that is none of the protocol that the line names"],
  PROXY_PORT_INVALID: ["2.1", "a port that is not 0 to 65535 without leading zeros"],
  PROXY_VERSION: ["2.2", "a version that is not 2 behind the signature"],
  PROXY_COMMAND: ["2.2", "a command that is neither LOCAL nor PROXY"],
  PROXY_FAMILY: ["2.2", "an address family or a transport that is not assigned"],
  PROXY_TOO_LONG: ["2.2", "a header that is longer than any proxy needs"],
  PROXY_ADDRESSES_CUT: ["2.2", "a header that is too short for the addresses of its family"],
  PROXY_TLV_CUT: ["2.2", "a type-length-value that reaches beyond its end"],
  PROXY_TLV_REPEATED: ["2.2", "a checksum or TLS record that is there twice"],
  PROXY_CHECKSUM: ["2.2.3", "the header is not what its checksum says"],
} as const satisfies Record<string, Violation>;

export type ProxyViolationCode = keyof typeof PROXY_VIOLATIONS;

export interface ProxyViolation {
  readonly kind: "violation";
  readonly code: ProxyViolationCode;
}

/** What the bytes of a connection so far come to, where they can be a header. */
export type ProxyHeaderRead =
  | { readonly kind: "need-data" }
  | { readonly kind: "header"; readonly header: ProxyHeader; readonly lengthBytes: number }
  | ProxyViolation;

export const NEED_DATA = { kind: "need-data" } as const;

export function violation(code: ProxyViolationCode): ProxyViolation {
  return { kind: "violation", code };
}
