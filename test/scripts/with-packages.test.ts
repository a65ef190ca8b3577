/**
 * Tests `scripts/with-packages`, on which `npm start` and `npm test` rest, in a checkout that holds
 * nothing else, with programs in the place of npm and Node.js.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

const SCRIPT = join(import.meta.dirname, "../../scripts/with-packages");
const INSTALLED = "checkout/node_modules/.package-lock.json";
const PINNED_NODE = "checkout/node_modules/.bin/node";

let folder = "";

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "with packages ")));
  write("checkout/package-lock.json", "{}");
  mkdirSync(join(folder, "checkout/scripts"));
  copyFileSync(SCRIPT, join(folder, "checkout/scripts/with-packages"));
  writeProgram("system/node", "echo v20.20.2");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text, { mode });
}

function writeProgram(path: string, command: string): void {
  write(path, `#!/bin/sh\n${command}\n`, 0o755);
}

/** An npm that notes how it was called, talks as npm does, and may install a Node.js. */
function writeNpm(installsNode: boolean): void {
  const lines = [`echo "$@" >>"${folder}/npm-calls"`, "echo added 20 packages"];
  lines.push("mkdir -p node_modules/.bin", "echo '{}' >node_modules/.package-lock.json");
  if (installsNode) {
    lines.push("printf '#!/bin/sh\\necho v26.10.0\\n' >node_modules/.bin/node");
    lines.push("chmod +x node_modules/.bin/node");
  }
  writeProgram("system/npm", lines.join("\n"));
}

function setAgeSeconds(path: string, age: number): void {
  const time = Date.now() / 1000 - age;
  utimesSync(join(folder, path), time, time);
}

function run(...command: readonly string[]) {
  const script = join(folder, "checkout/scripts/with-packages");
  const env = { PATH: `${folder}/system:${process.env["PATH"] ?? ""}` };
  const options = { cwd: folder, env, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync("sh", [script, ...command], options);
  return { status, stdout, stderr, installed: existsSync(join(folder, "npm-calls")) };
}

test("in a fresh clone it installs, says so in one line, and runs the command in the root", () => {
  writeNpm(true);
  const { status, stdout, stderr } = run(
    "sh",
    "-c",
    'pwd; node; printf "%s|" "$@"',
    "-",
    "a b",
    "",
  );
  assert.equal(stderr, "Installing packages (npm ci) ...\n");
  assert.equal(stdout, `${folder}/checkout\nv26.10.0\na b||`);
  assert.equal(status, 0);
});

test("what is installed and not older than the lock file is left alone", () => {
  writeNpm(true);
  write(INSTALLED, "{}");
  writeProgram(PINNED_NODE, "echo v26.10.0");
  setAgeSeconds("checkout/package-lock.json", 10);
  const { status, stderr, installed } = run("true");
  assert.deepEqual({ status, stderr, installed }, { status: 0, stderr: "", installed: false });
});

test("a lock file that is newer than what is installed is followed, once", () => {
  writeNpm(true);
  write(INSTALLED, "{}");
  setAgeSeconds(INSTALLED, 10);
  assert.equal(run("true").installed, true);
  rmSync(join(folder, "npm-calls"));
  assert.equal(run("true").installed, false);
});

test("the command's exit status is passed on", () => {
  writeNpm(true);
  assert.equal(run("sh", "-c", "exit 7").status, 7);
});

test("an installation that fails ends it, and the command does not run", () => {
  writeProgram("system/npm", "echo no network >&2; exit 4");
  const { status, stdout, stderr } = run("echo", "ran");
  assert.equal(status, 4);
  assert.equal(stdout, "");
  assert.match(stderr, /no network/);
});

test("where install scripts are off and the system's Node.js is too old, it says so", () => {
  writeNpm(false);
  const { status, stdout, stderr } = run("echo", "ran");
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /needs Node\.js 24\.12 or later, and found v20.*Run: npm rebuild node/);
});

test("where install scripts are off, a system's Node.js that is new enough does", () => {
  writeNpm(false);
  writeProgram("system/node", "echo v26.10.0");
  assert.equal(run("node").stdout, "v26.10.0\n");
});
