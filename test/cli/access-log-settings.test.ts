import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { EXIT_STATUS, OperatorError } from "../../src/base/errors.ts";
import { createLog, NULL_LOG } from "../../src/base/log.ts";
import { accessLogPlace, openAccessLog } from "../../src/cli/access-log-settings.ts";
import { errorLogLevel } from "../../src/cli/error-log.ts";
import type { Options } from "../../src/options/registry.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { accessRecord } from "../server/access-log/records.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "portico-access-log-"));
  file = path.join(folder, "access.log");
});

afterEach(() => rmSync(folder, { recursive: true }));

function optionsOf(...argv: readonly string[]): Options {
  return resolveOptions({ argv, env: {}, readFile: () => "" }).options;
}

/** The lines of one exchange, as these options have them in the file. */
function linesOf(...argv: readonly string[]): string {
  const log = openAccessLog(optionsOf("--access-log", file, ...argv), {}, NULL_LOG);
  log?.add(accessRecord());
  log?.end();
  return readFileSync(file, "utf8");
}

function refused(...argv: readonly string[]): string {
  let message = "";
  const isUsage = (error: unknown): boolean => {
    assert.ok(error instanceof OperatorError);
    assert.equal(error.exitStatus, EXIT_STATUS.usage);
    ({ message } = error);
    return true;
  };
  assert.throws(() => openAccessLog(optionsOf(...argv), {}, NULL_LOG), isUsage);
  return message;
}

test("it goes to standard output, unless that is to be quiet, or another place is named", () => {
  const place = (...argv: readonly string[]): string | null => accessLogPlace(optionsOf(...argv));
  assert.equal(place(), "-");
  assert.equal(place("--quiet"), null);
  assert.equal(place("--quiet", "--access-log", "-"), "-");
  assert.equal(place("--quiet", "--access-log", "a.log"), "a.log");
  assert.equal(place("--access-log", "off"), null);
  assert.equal(openAccessLog(optionsOf("--access-log=off"), {}, NULL_LOG), null);
});

test("a file gets plain lines with times, JSON where the log is JSON, or what is said", () => {
  assert.match(linesOf(), /^192\.0\.2\.7 - - \[.* total_us=6012 queue_us=31 .*\n$/);
  rmSync(file);
  assert.equal((JSON.parse(linesOf("--log-format", "json")) as { status: number }).status, 200);
  rmSync(file);
  assert.equal(linesOf("--log-format", "json", "--access-log-format", "%(s)s"), "200\n");
  assert.equal(linesOf("--access-log-format", "%(m)s"), "200\nGET\n", "it is appended to");
});

test("USR1 has the file opened anew, and says so", () => {
  const said: string[] = [];
  const hears = createLog((line) => said.push(line.slice(25)), { epochMs: () => 0 }, "info");
  const options = optionsOf("--access-log", file, "--access-log-format", "%(s)s");
  const log = openAccessLog(options, {}, hears);
  assert.ok(log?.isFile === true);
  renameSync(file, `${file}.1`);
  log.reopen();
  log.add(accessRecord({ status: 201 }));
  rmSync(file);
  rmSync(`${file}.1`);
  renameSync(folder, `${folder}-moved`);
  log.reopen();
  log.end();
  renameSync(`${folder}-moved`, folder);
  assert.deepEqual(said, [
    "info the access log was opened anew",
    "warn the access log cannot be opened anew, so the old file goes on cause=ENOENT",
  ]);
});

test("what cannot be meant is told in one line", () => {
  assert.match(
    refused("--access-log-format", "%(h)s %(z)s"),
    /^--access-log-format: at character 7: there is no atom %\(z\)s; there are h /,
  );
  assert.match(refused("--access-log=off", "--access-log-format", "combind"), /mean combined\?$/);
  assert.equal(
    refused("--access-log", "/nowhere/a.log"),
    "--access-log /nowhere/a.log: the file cannot be opened for appending (ENOENT)",
  );
});

test("--quiet lowers --log-level to warnings, and leaves errors alone", () => {
  assert.equal(errorLogLevel(optionsOf()), "info");
  assert.equal(errorLogLevel(optionsOf("--quiet")), "warn");
  assert.equal(errorLogLevel(optionsOf("--quiet", "--log-level", "debug")), "warn");
  assert.equal(errorLogLevel(optionsOf("--quiet", "--log-level", "error")), "error");
  assert.equal(errorLogLevel(optionsOf("--log-level", "error")), "error");
});
