import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

import { findProgram } from "./system-programs.ts";

test("a program on PATH is found, and one that is not there is null", () => {
  assert.match(findProgram("sh") ?? "", /^\/.*\/sh$/);
  assert.equal(findProgram("portico-no-such-program"), null);
});

test("a missing program is told once, with the package that holds it", () => {
  const module = join(import.meta.dirname, "system-programs.ts");
  const script = `
    const { requireProgram } = await import(${JSON.stringify(module)});
    console.log(requireProgram("ab"), requireProgram("ab"));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    env: { PATH: "/nowhere" },
    encoding: "utf8",
  });
  assert.equal(stdout, "null null\n");
  const line = "left out: the tests that need ab; install the Debian package apache2-utils\n";
  assert.equal(stderr, line);
});
