import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, test } from "node:test";

import { OperatorError } from "../../src/base/errors.ts";
import { findPython } from "../../src/workers/python-interpreter.ts";

const root = mkdtempSync(join(tmpdir(), "portico-test-"));
after(() => rmSync(root, { recursive: true }));

let made = 0;

/** A fresh folder that holds empty programs at the paths given. */
function folderWith(...programs: string[]): string {
  const folder = join(root, String(made++));
  mkdirSync(folder);
  for (const program of programs) {
    const file = join(folder, program);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "");
    chmodSync(file, 0o755);
  }
  return folder;
}

function isUsage(pattern: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof OperatorError && error.exitStatus === 2 && pattern.test(error.message);
}

const NOTHING = folderWith();

test("--python as a path is relative to where the program was started", () => {
  const folder = folderWith("mine/python");
  const expected = { command: join(folder, "mine/python"), origin: "--python" };
  assert.deepEqual(findPython(relative(".", join(folder, "mine/python")), NOTHING, {}), expected);
  assert.deepEqual(findPython(join(folder, "mine/python"), NOTHING, {}), expected);
});

test("--python as a name is looked up on the PATH, and goes before everything else", () => {
  const programs = folderWith("python3.9", "python3");
  const folder = folderWith(".venv/bin/python");
  const active = folderWith("bin/python");
  const env = { PATH: `${NOTHING}:${programs}`, VIRTUAL_ENV: active };
  const expected = { command: join(programs, "python3.9"), origin: "--python" };
  assert.deepEqual(findPython("python3.9", folder, env), expected);
});

test("the active virtual environment goes before .venv", () => {
  const active = folderWith("bin/python");
  const folder = folderWith(".venv/bin/python");
  assert.deepEqual(findPython(null, folder, { VIRTUAL_ENV: active }), {
    command: join(active, "bin/python"),
    origin: "the active virtual environment",
  });
});

test(".venv of the working folder goes before the PATH; an empty VIRTUAL_ENV is none", () => {
  const folder = folderWith(".venv/bin/python");
  const programs = folderWith("python3");
  assert.deepEqual(findPython(null, folder, { PATH: programs, VIRTUAL_ENV: "" }), {
    command: join(folder, ".venv/bin/python"),
    origin: ".venv of the working folder",
  });
});

test("python3 is taken from the first folder of the PATH that has a program of that name", () => {
  const notExecutable = folderWith("python3");
  chmodSync(join(notExecutable, "python3"), 0o644);
  const folderOfThatName = folderWith("python3/x");
  const first = folderWith("python3");
  const second = folderWith("python3");
  const searchPath = [notExecutable, folderOfThatName, first, second].join(":");
  assert.deepEqual(findPython(null, NOTHING, { PATH: searchPath }), {
    command: join(first, "python3"),
    origin: "python3 on the PATH",
  });
});

test("a link stays as it is: what it leads to is not in the virtual environment", () => {
  const target = folderWith("python3");
  const folder = folderWith(".venv/bin/other");
  const link = join(folder, ".venv/bin/python");
  symlinkSync(join(target, "python3"), link);
  assert.equal(findPython(null, folder, {}).command, link);
});

test("what is asked for and not there is a usage error, never replaced by another Python", () => {
  const env = { PATH: folderWith("python3") };
  const folder = folderWith(".venv/bin/python");
  assert.throws(() => findPython("nope", folder, env), isUsage(/--python nope/));
  assert.throws(() => findPython("./nope", folder, env), isUsage(/--python \.\/nope/));
  assert.throws(() => findPython(".venv", folder, env), isUsage(/--python \.venv/));
  const broken = { ...env, VIRTUAL_ENV: NOTHING };
  assert.throws(() => findPython(null, folder, broken), isUsage(/has no bin\/python/));
});

test("without any Python the message says what to do", () => {
  assert.throws(() => findPython(null, NOTHING, { PATH: NOTHING }), isUsage(/give --python/));
  assert.throws(() => findPython(null, NOTHING, {}), isUsage(/no Python was found/));
});
