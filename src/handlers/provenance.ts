/**
 * Where a request comes from and what it was addressed to, as far as that can be believed.
 */
import type { RequestHead } from "../http1/request-head.ts";
import type { Endpoints } from "./handler.ts";

export interface Provenance {
  /** Numeric address of the client; "" where it is not known. */
  readonly remoteHost: string;
  /** "" where it is not known. */
  readonly remotePort: string;
  readonly scheme: "http" | "https";
  /**
   * The authority of an absolute-form target, else what a trusted proxy says, else Host; null for
   * none.
   */
  readonly host: string | null;
  /** What the application sees of a field instead, by lower-case name; null: nothing. */
  readonly overrides: ReadonlyMap<string, string | null>;
}

export interface TrustedProxies {
  contains(address: string): boolean;
}

export class ProvenanceReader {
  readonly trustedProxies: TrustedProxies;

  constructor(trustedProxies: TrustedProxies) {
    this.trustedProxies = trustedProxies;
  }

  read(head: RequestHead, endpoints: Endpoints): Provenance {
    const { remote, scheme } = endpoints;
    return {
      remoteHost: remote.family === "unix" ? "" : remote.host,
      remotePort: remote.family === "unix" ? "" : String(remote.port),
      scheme,
      host: head.authority ?? head.section.host,
      overrides: new Map(),
    };
  }
}
