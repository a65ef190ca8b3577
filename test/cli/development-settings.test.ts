import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";

import { EXIT_STATUS, OperatorError } from "../../src/base/errors.ts";
import { NULL_LOG } from "../../src/base/log.ts";
import { developmentSettings, warnOfReaders } from "../../src/cli/development-settings.ts";
import type { Listener } from "../../src/net/transport.ts";
import type { Options } from "../../src/options/registry.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import type { SocketAddress } from "../../src/os/socket-address.ts";

function optionsOf(...argv: readonly string[]): Options {
  const readFile = (): string => assert.fail("no file is named");
  return resolveOptions({ argv: [...argv, "app"], env: {}, readFile }).options;
}

test("without --reload nothing is watched", () => {
  assert.equal(developmentSettings(optionsOf(), "app", "/site"), null);
});

test("--reload-include without --reload is a mistake", () => {
  const options = optionsOf("--reload-include=*.toml");
  assert.throws(
    () => developmentSettings(options, "app", "/site"),
    (error) => error instanceof OperatorError && error.exitStatus === EXIT_STATUS.usage,
  );
});

test("the working folder, the folders of --pythonpath, and what is included are watched", () => {
  const options = optionsOf(
    "--reload",
    "--pythonpath=lib",
    "--reload-include=*.toml",
    "--reload-include=config/*.ini",
  );
  const settings = developmentSettings(options, "app:app", "/site");
  assert.deepEqual(settings?.folders, ["/site", path.resolve("lib")]);
  assert.deepEqual(settings?.includes, [
    { kind: "name", pattern: "*.toml" },
    { kind: "path", folder: path.resolve("config"), pattern: "*.ini" },
  ]);
});

test("a file that the reference names is watched, wherever it is", () => {
  const includes = (reference: string): unknown =>
    developmentSettings(optionsOf("--reload"), reference, "/site")?.includes;
  assert.deepEqual(includes("../x/app.py:app"), [
    { kind: "path", folder: "/x", pattern: "app.py" },
  ]);
  assert.deepEqual(includes("x.app:app"), []);
});

test("two runs differ, and have names that need no escaping", () => {
  const run = (): string =>
    developmentSettings(optionsOf("--reload"), "app", "/site")?.site.run ?? "";
  assert.match(run(), /^[0-9a-f]{12}$/);
  assert.notEqual(run(), run());
});

test("whoever can be reached by others is warned", () => {
  const warned = (address: SocketAddress): number => {
    let warnings = 0;
    const log = { ...NULL_LOG, warn: () => void warnings++ };
    warnOfReaders([{ address } as Listener], log);
    return warnings;
  };
  assert.equal(warned({ family: "inet", host: "127.0.0.1", port: 1 }), 0);
  assert.equal(warned({ family: "inet6", host: "::1", port: 1 }), 0);
  assert.equal(warned({ family: "unix", path: "/run/s" }), 0);
  assert.equal(warned({ family: "inet", host: "0.0.0.0", port: 1 }), 1);
  assert.equal(warned({ family: "inet", host: "192.0.2.1", port: 1 }), 1);
  assert.equal(warned({ family: "inet6", host: "::", port: 1 }), 1);
});
