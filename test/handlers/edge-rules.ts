/** Path rules, CORS policies and heads for the tests of the rules that use them. */
import assert from "node:assert/strict";

import { CorsRule } from "../../src/handlers/cors-rule.ts";
import { type CorsGrants, CorsPolicy } from "../../src/http/cors.ts";
import { OriginSet, parseOriginPattern } from "../../src/http/origin.ts";
import { PathRules } from "../../src/http/path-rules.ts";
import type { RequestHead } from "../../src/http1/request-head.ts";
import { requestHead } from "./request-head.ts";

export const APP_ORIGIN = "https://app.example.org";

const GRANTS: CorsGrants = {
  methods: ["GET", "PUT"],
  requestFields: ["content-type"],
  exposedFields: ["ETag"],
  preflightMaxAgeMs: 60_000,
};

export function corsPolicy(origin: string, credentials = false): CorsPolicy {
  const parsed = parseOriginPattern(origin);
  assert.ok(parsed.kind === "pattern");
  return new CorsPolicy(new OriginSet([parsed.pattern]), credentials, GRANTS);
}

/** One policy at and below `/api/`, and nothing elsewhere. */
export function corsAtApi(policy: CorsPolicy): CorsRule {
  return new CorsRule(new PathRules<CorsPolicy | null>(null, [["/api/", policy]]));
}

export function headOf(start: string, fields: Readonly<Record<string, string>> = {}): RequestHead {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return requestHead(`${start} HTTP/1.1\r\nHost: a\r\n${lines.join("")}\r\n`);
}
