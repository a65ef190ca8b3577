/** Heads and provenances for tests of what looks at them. */
import assert from "node:assert/strict";

import type { Endpoints } from "../../src/handlers/handler.ts";
import type { Provenance } from "../../src/handlers/provenance.ts";
import { RequestReceiver } from "../../src/http1/receiver.ts";
import type { RequestHead } from "../../src/http1/request-head.ts";
import { LIMITS } from "../http1/cut-and-replay.ts";

export const ENDPOINTS: Endpoints = {
  remote: { family: "inet", host: "192.0.2.7", port: 50_123 },
  local: { family: "inet", host: "192.0.2.1", port: 8000 },
  scheme: "http",
};

/** What is known of a request that came without anybody in between. */
export const PROVENANCE: Provenance = {
  remoteHost: "192.0.2.7",
  remotePort: "50123",
  scheme: "http",
  host: "a",
  forwarded: false,
  contradictory: false,
  requestId: null,
  overrides: new Map(),
};

/** The head of a request as it is on the wire (latin-1). */
export function requestHead(text: string): RequestHead {
  const receiver = new RequestReceiver(LIMITS);
  const bytes = Buffer.from(text, "latin1");
  receiver.receive(bytes, bytes.length);
  const event = receiver.next();
  assert.ok(event.kind === "head");
  return event;
}
