/**
 * Runs the Python unit tests (`python/tests`) on every Python 3.9 or later that is on PATH.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { findProgram } from "./system-programs.ts";

const ROOT = join(import.meta.dirname, "..");
const NAMES = ["python3", ...[9, 10, 11, 12, 13, 14].map((minor) => `python3.${minor}`)];

/** The unit tests take seconds; a worker that hangs must not hold the whole run. */
const TIME_BOUND_MS = 300_000;

interface Interpreter {
  readonly path: string;
  /** Such as `3.11.7`. */
  readonly version: string;
}

/** Each interpreter once, also where several names lead to it. */
function findInterpreters(): Interpreter[] {
  const program = "import sys; print(sys.executable, '%d.%d.%d' % sys.version_info[:3], sep='\\n')";
  const found = new Map<string, Interpreter>();
  for (const name of NAMES) {
    const path = findProgram(name);
    if (path === null) continue;
    const { status, stdout } = spawnSync(path, ["-c", program], { encoding: "utf8" });
    // A version manager's shim is on PATH also where no such Python is chosen; it fails.
    const [executable, version] = status === 0 ? stdout.trim().split("\n") : [];
    if (executable === undefined || version === undefined) continue;
    if (Number(version.split(".")[1]) < 9) continue;
    found.set(realpathSync(executable), { path: executable, version });
  }
  return [...found.values()];
}

const interpreters = findInterpreters();

test("there is a Python to test with", () => {
  assert.ok(interpreters.length > 0, "found no Python 3.9 or later on PATH");
});

for (const { path, version } of interpreters) {
  test(`python/tests pass on Python ${version} (${path})`, () => {
    assert.ok(existsSync(join(ROOT, "python/tests")));
    const { status, stderr, error } = spawnSync(
      path,
      ["-B", "-m", "unittest", "discover", "-s", "python/tests", "-t", "python"],
      { cwd: ROOT, encoding: "utf8", timeout: TIME_BOUND_MS, maxBuffer: 64 * 1024 * 1024 },
    );
    assert.equal(error, undefined, stderr);
    assert.equal(status, 0, stderr);
    const count = Number(/^Ran (\d+) tests? in/m.exec(stderr)?.[1] ?? 0);
    assert.ok(count > 0, `no test was found:\n${stderr}`);
  });
}
