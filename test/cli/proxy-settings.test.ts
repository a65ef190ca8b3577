import assert from "node:assert/strict";
import { test } from "node:test";

import { EXIT_STATUS, OperatorError } from "../../src/base/errors.ts";
import {
  readBelievedFields,
  readHostPatterns,
  readNetworks,
} from "../../src/cli/proxy-settings.ts";
import { CAREFUL, TRUSTING } from "../../src/handlers/provenance.ts";

/** The one line that an operator reads. */
function complaint(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof OperatorError && error.exitStatus === EXIT_STATUS.usage);
    assert.ok(!error.message.includes("\n") && error.details === null);
    return error.message;
  }
  return "";
}

test("networks: repeated, parted by commas, *, none", () => {
  const networks = readNetworks("--flag", ["10.0.0.0/8, 192.0.2.7", "::1,"]);
  assert.ok(networks.contains("10.1.1.1") && networks.contains("192.0.2.7"));
  assert.ok(networks.contains("::1") && !networks.contains("127.0.0.1"));
  assert.ok(readNetworks("--flag", ["10.0.0.0/8,*"]).contains("203.0.113.9"));
  assert.ok(!readNetworks("--flag", ["none"]).contains("127.0.0.1"));
  assert.match(
    complaint(() => readNetworks("--flag", ["10.0.0.1/8"])),
    /^--flag: .*10\.0\.0\.0\/8/,
  );
  assert.match(
    complaint(() => readNetworks("--flag", ["::1,none"])),
    /^--flag: none is not/,
  );
  assert.match(
    complaint(() => readNetworks("--flag", ["proxy"])),
    /^--flag: proxy is not/,
  );
});

test("believed fields: auto alone, or names", () => {
  for (const auto of [CAREFUL, TRUSTING]) {
    assert.equal(readBelievedFields("--flag", ["auto"], auto), auto);
  }
  assert.deepEqual(
    readBelievedFields("--flag", ["X-Forwarded-For,forwarded", "x-forwarded-host"], CAREFUL),
    {
      forwarded: true,
      forwardedHost: true,
      xForwardedFor: true,
      xForwardedProto: false,
      xForwardedHost: true,
      xForwardedPort: false,
    },
  );
  assert.match(
    complaint(() => readBelievedFields("--flag", ["auto,forwarded"], CAREFUL)),
    /not auto$/,
  );
  assert.match(
    complaint(() => readBelievedFields("--flag", ["x-real-ip"], CAREFUL)),
    /not x-real-ip$/,
  );
});

test("hosts: none given, and *, stand for all", () => {
  for (const texts of [[], [""], ["*"], ["a.example,*"]]) {
    assert.equal(readHostPatterns("--flag", texts), null);
  }
});

test("hosts: the first that is none is named", () => {
  assert.equal(readHostPatterns("--flag", ["a.example,*.b.example", "[::1]:80"])?.length, 3);
  assert.match(
    complaint(() => readHostPatterns("--flag", ["a.example", "http://b"])),
    /^--flag: http:\/\/b is not a host/,
  );
});
