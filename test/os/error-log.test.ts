/** Each in a process of its own: its standard error is not to be had back. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

const MODULES = join(import.meta.dirname, "../../src/os");

let folder: string;
let log: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "portico-error-log-"));
  log = join(folder, "error.log");
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Runs a program with the module's functions, `log` and `fs`; what it prints is given back. */
function run(program: string, umask = 0o022): { stdout: string; stderr: string } {
  const script = `
    import fs from "node:fs";
    import { execFileSync } from "node:child_process";
    import * as errorLog from ${JSON.stringify(join(MODULES, "error-log.ts"))};
    import { openStandardError } from ${JSON.stringify(join(MODULES, "standard-error.ts"))};
    const log = ${JSON.stringify(log)};
    const child = (text) => execFileSync("sh", ["-c", \`echo \${text} >&2\`], { stdio: "inherit" });
    process.umask(${umask});
    ${program}`;
  const file = join(folder, "program.ts");
  writeFileSync(file, script);
  // Through a pipe, as in a container; what Node gives its children are sockets.
  const { stdout, stderr } = spawnSync(
    "sh",
    ["-c", '"$0" --disable-warning=ExperimentalWarning "$1" | cat', process.execPath, file],
    { encoding: "utf8", timeout: 20_000 },
  );
  return { stdout, stderr };
}

test("standard error of this process and of its children is the file, at its end", () => {
  writeFileSync(log, "earlier\n");
  const { stderr } = run(`
    console.error("before");
    if (errorLog.redirectStandardError(log) !== null) process.exit(1);
    const write = openStandardError();
    write("log");
    child("child");
    write("log again");
  `);
  assert.equal(stderr, "before\n");
  assert.equal(readFileSync(log, "utf8"), "earlier\nlog\nchild\nlog again\n");
});

test("opened anew, there is a new file with the mode of the old one", () => {
  run(`
    errorLog.redirectStandardError(log);
    const write = openStandardError();
    write("one");
    fs.chmodSync(log, 0o660);
    fs.renameSync(log, log + ".1");
    write("two");
    if (errorLog.reopenStandardError(log) !== null) process.exit(1);
    write("three");
    child("four");
  `);
  assert.equal(readFileSync(`${log}.1`, "utf8"), "one\ntwo\n");
  assert.equal(readFileSync(log, "utf8"), "three\nfour\n");
  assert.equal(lstatSync(log).mode & 0o777, 0o660, "whatever the umask");
});

test("a file that somebody has made already keeps its own mode", () => {
  run(`
    errorLog.redirectStandardError(log);
    fs.renameSync(log, log + ".1");
    fs.writeFileSync(log, "");
    fs.chmodSync(log, 0o600);
    errorLog.reopenStandardError(log);
    openStandardError()("here");
  `);
  assert.equal(readFileSync(log, "utf8"), "here\n");
  assert.equal(lstatSync(log).mode & 0o777, 0o600);
});

test("the umask counts for the first file", () => {
  run("errorLog.redirectStandardError(log)", 0o077);
  assert.equal(lstatSync(log).mode & 0o777, 0o600);
});

test("what cannot be opened leaves everything as it is", () => {
  const { stdout, stderr } = run(`
    console.log(errorLog.redirectStandardError("/nowhere/error.log"));
    openStandardError()("still");
    errorLog.redirectStandardError(log);
    fs.renameSync(log, log + ".1");
    fs.mkdirSync(log);
    console.log(errorLog.reopenStandardError(log));
    openStandardError()("the old one");
  `);
  assert.equal(stdout, "ENOENT\nEISDIR\n");
  assert.equal(stderr, "still\n");
  assert.equal(readFileSync(`${log}.1`, "utf8"), "the old one\n");
});

test("a FIFO that nobody reads is refused instead of waited for", () => {
  spawnSync("mkfifo", [log]);
  assert.equal(run("console.log(errorLog.redirectStandardError(log))").stdout, "ENXIO\n");
});

test("a symbolic link is followed, also one that leads nowhere yet", () => {
  symlinkSync("real.log", log);
  run(`
    errorLog.redirectStandardError(log);
    openStandardError()("through the link");
  `);
  assert.equal(readFileSync(join(folder, "real.log"), "utf8"), "through the link\n");
});

test("/dev/stdout is a file like another", () => {
  const { stdout } = run(`
    console.log(errorLog.redirectStandardError("/dev/stdout"));
    openStandardError()("there");
  `);
  assert.equal(stdout, "null\nthere\n");
});

test("what standard error was before can be kept, and children do not get it", () => {
  const { stderr, stdout } = run(`
    const earlier = errorLog.duplicateStandardError();
    errorLog.redirectStandardError(log);
    fs.writeSync(earlier, "to whoever started it\\n");
    const list = execFileSync("sh", ["-c", "ls /proc/self/fd"], { encoding: "utf8" });
    console.log(list.split("\\n").includes(String(earlier)));
  `);
  assert.equal(stderr, "to whoever started it\n");
  assert.equal(stdout, "false\n");
  assert.equal(existsSync(log), true);
  chmodSync(log, 0o600);
  renameSync(log, `${log}.1`);
});
