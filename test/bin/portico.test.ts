/**
 * Tests the launcher with programs in the place of Node.js: each prints which it is and with what
 * it was called, so that the choice can be seen.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

const LAUNCHER = join(import.meta.dirname, "../../bin/portico");

let folder = "";

beforeEach(() => {
  // A space in every path, since people's folders have them.
  folder = realpathSync(mkdtempSync(join(tmpdir(), "portico launcher ")));
  write("program/bin/portico", "");
  copyFileSync(LAUNCHER, join(folder, "program/bin/portico"));
  chmodSync(join(folder, "program/bin/portico"), 0o755);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text, { mode });
}

/** A program that answers `--version`, and else prints its name, PID and arguments, one a line. */
function writeNode(path: string, name: string, version: string): void {
  const lines = [
    "#!/bin/sh",
    `[ "$1" != --version ] || { echo ${version}; exit 0; }`,
    `printf '%s\\n' ${name} $$ "$@"`,
  ];
  write(path, `${lines.join("\n")}\n`, 0o755);
}

function run(launcher: string, args: readonly string[] = [], cwd = folder) {
  // What the launcher itself needs lies in its own folder of links, away from the system's node.
  mkdirSync(join(folder, "tools"), { recursive: true });
  for (const tool of ["sh", "readlink"]) {
    const link = join(folder, "tools", tool);
    const path = spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim();
    rmSync(link, { force: true });
    symlinkSync(path, link);
  }
  const env = { PATH: `${folder}/system:${folder}/tools` };
  const { status, stdout, stderr } = spawnSync(launcher, args, { cwd, env, encoding: "utf8" });
  const [node, , flag, main, ...rest] = stdout.trimEnd().split("\n");
  return { status, stderr, node, flag, main: main === undefined ? null : real(main), rest };
}

function real(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

const CHECKOUT_MAIN = "program/src/cli/start.js";

for (const version of ["v24.12.0", "v24.13.1", "v25.2.0", "v26.10.0", "v100.0.0"]) {
  test(`the system's Node.js ${version} is new enough`, () => {
    write(CHECKOUT_MAIN, "");
    writeNode("system/node", "system", version);
    writeNode("program/node_modules/node/bin/node", "pinned", "v26.10.0");
    const { status, node, flag, main, rest } = run(join(folder, "program/bin/portico"), [
      "a b",
      "",
      "--x=$y",
    ]);
    assert.equal(status, 0);
    assert.equal(node, "system");
    assert.equal(flag, "--disable-warning=ExperimentalWarning");
    assert.equal(main, join(folder, CHECKOUT_MAIN));
    assert.deepEqual(rest, ["a b", "", "--x=$y"]);
  });
}

for (const version of ["v20.20.2", "v24.11.9", "v9.99.0", "nonsense", "v", ""]) {
  test(`instead of a system's Node.js "${version}" the pinned one runs`, () => {
    write(CHECKOUT_MAIN, "");
    writeNode("system/node", "system", version);
    writeNode("program/node_modules/node/bin/node", "pinned", "v26.10.0");
    assert.equal(run(join(folder, "program/bin/portico")).node, "pinned");
  });
}

test("without a Node.js on PATH the pinned one runs", () => {
  write(CHECKOUT_MAIN, "");
  writeNode("program/node_modules/node/bin/node", "pinned", "v26.10.0");
  assert.equal(run(join(folder, "program/bin/portico")).node, "pinned");
});

test("without any that is new enough, one line says what is needed, and the status is 2", () => {
  write(CHECKOUT_MAIN, "");
  write("program/package-lock.json", "{}");
  writeNode("system/node", "system", "v20.20.2");
  const { status, stderr } = run(join(folder, "program/bin/portico"));
  assert.equal(status, 2);
  assert.match(
    stderr,
    /^portico: needs Node\.js 24\.12 or later, and found v20\.20\.2: run npm ci/,
  );
  assert.equal(stderr.split("\n").length, 2);
});

test("an installed package, which has no lock file, does not speak of npm ci", () => {
  write("program/dist/cli/start.js", "");
  const { status, stderr } = run(join(folder, "program/bin/portico"));
  assert.equal(status, 2);
  assert.match(stderr, /^portico: needs Node\.js 24\.12 or later, and found none: install it\n$/);
});

test("an installed package runs what was compiled", () => {
  write("program/dist/cli/start.js", "");
  writeNode("system/node", "system", "v26.10.0");
  const { main } = run(join(folder, "program/bin/portico"));
  assert.equal(main, join(folder, "program/dist/cli/start.js"));
});

test("symbolic links are followed, absolute and relative, from any folder", () => {
  write(CHECKOUT_MAIN, "");
  writeNode("system/node", "system", "v26.10.0");
  mkdirSync(join(folder, "links/deeper"), { recursive: true });
  symlinkSync(join(folder, "program/bin/portico"), join(folder, "links/absolute"));
  symlinkSync("../../links/absolute", join(folder, "links/deeper/relative"));
  const expected = join(folder, CHECKOUT_MAIN);
  assert.equal(run(join(folder, "links/deeper/relative"), [], "/").main, expected);
  assert.equal(run("./relative", [], join(folder, "links/deeper")).main, expected);
});

test("the process that was started becomes the gateway", async () => {
  write(CHECKOUT_MAIN, "");
  writeNode("system/node", "system", "v26.10.0");
  const path = `${folder}/system:${process.env["PATH"] ?? ""}`;
  const launcher = spawn(join(folder, "program/bin/portico"), { env: { PATH: path } });
  let output = "";
  launcher.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  await once(launcher, "close");
  assert.equal(Number(output.split("\n")[1]), launcher.pid);
});
