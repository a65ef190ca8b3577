/**
 * Tests when `scripts/python-environment` makes an environment anew, with a program in the place of
 * Python, so that nothing is downloaded.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

const SCRIPT = join(import.meta.dirname, "../../scripts/python-environment");

/** Makes a folder with itself in it as `-m venv` does, and notes what it is asked to install. */
const PYTHON = `#!/bin/sh
case "$*" in
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python3" ;;
"-m pip "*) [ ! -e pip-fails ] && echo "$*" >>pip-calls ;;
esac
`;

let folder = "";

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "python environment ")));
  mkdirSync(join(folder, "system"));
  writeFileSync(join(folder, "system/python3.14"), PYTHON, { mode: 0o755 });
  writeFileSync(join(folder, "wanted.txt"), "Flask==3.1\n");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(): number | null {
  const env = { PATH: `${folder}/system:${process.env["PATH"] ?? ""}` };
  return spawnSync("sh", [SCRIPT, "sites", "wanted.txt"], { cwd: folder, env }).status;
}

function installations(): number {
  try {
    return readFileSync(join(folder, "pip-calls"), "utf8").trim().split("\n").length;
  } catch {
    return 0;
  }
}

test("it is made once, and again when the requirements change", () => {
  assert.equal(run(), 0);
  assert.equal(run(), 0);
  assert.equal(installations(), 1);
  writeFileSync(join(folder, "wanted.txt"), "Flask==3.2\n");
  assert.equal(run(), 0);
  assert.equal(installations(), 2);
});

test("one that could not be finished fails, and is made anew", () => {
  writeFileSync(join(folder, "pip-fails"), "");
  assert.notEqual(run(), 0);
  rmSync(join(folder, "pip-fails"));
  assert.equal(run(), 0);
  assert.equal(installations(), 1);
});

test("one whose Python does not run any more is made anew", () => {
  assert.equal(run(), 0);
  rmSync(join(folder, ".environments/sites/bin/python3"));
  assert.equal(run(), 0);
  assert.equal(installations(), 2);
});
