/** A request as it comes from a peer that may be a proxy, and what is made of it. */
import assert from "node:assert/strict";

import type { BelievedFields } from "../../src/handlers/forwarded-claim.ts";
import type { Endpoints } from "../../src/handlers/handler.ts";
import { type Provenance, ProvenanceReader } from "../../src/handlers/provenance.ts";
import { IpNetworks, parseIpNetwork } from "../../src/http/ip-network.ts";
import { requestHead } from "./request-head.ts";

export const LOOPBACK = ["127.0.0.0/8", "::1"];
export const OURS = [...LOOPBACK, "10.0.0.0/8", "2001:db8:ffff::/48"];

export const ALL_FIELDS: BelievedFields = {
  forwarded: true,
  xForwardedFor: true,
  xForwardedProto: true,
  forwardedHost: true,
  xForwardedHost: true,
  xForwardedPort: true,
};
export const X_FIELDS: BelievedFields = { ...ALL_FIELDS, forwarded: false };

export interface Circumstances {
  readonly peer?: string;
  readonly proxies?: readonly string[];
  readonly believed?: BelievedFields;
  readonly target?: string;
  readonly host?: string;
  readonly scheme?: "http" | "https";
}

export function networks(texts: readonly string[]): IpNetworks {
  const parsed = texts.filter((text) => text !== "*").map((text) => parseIpNetwork(text));
  const list = parsed.flatMap((one) => (one.kind === "network" ? [one.network] : []));
  assert.equal(list.length, parsed.length);
  return new IpNetworks(list, texts.includes("*"));
}

export function endpoints(peer: string, scheme: "http" | "https" = "http"): Endpoints {
  return {
    remote:
      peer === "unix"
        ? { family: "unix", path: "" }
        : { family: peer.includes(":") ? "inet6" : "inet", host: peer, port: 50_123 },
    local: { family: "inet", host: "192.0.2.1", port: 8000 },
    scheme,
  };
}

/** The provenance of a request with these field lines. */
export function read(lines: readonly string[], other: Circumstances = {}): Provenance {
  const { peer = "127.0.0.1", proxies = OURS, target = "/", host = "shop.portico.dev" } = other;
  const fields = [`Host: ${host}`, ...lines].map((line) => `${line}\r\n`).join("");
  const reader = new ProvenanceReader(networks(proxies), other.believed);
  return reader.read(
    requestHead(`GET ${target} HTTP/1.1\r\n${fields}\r\n`),
    endpoints(peer, other.scheme),
  );
}

export function client(lines: readonly string[], other: Circumstances = {}): string {
  const { remoteHost, remotePort } = read(lines, other);
  return remotePort === "" ? remoteHost : `${remoteHost} ${remotePort}`;
}

/** `scheme://host`. */
export function origin(lines: readonly string[], other: Circumstances = {}): string {
  const { scheme, host } = read(lines, other);
  return `${scheme}://${host}`;
}
