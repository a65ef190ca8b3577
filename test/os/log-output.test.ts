/** Standard output is tested in a process of its own: this one's belongs to the tests. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";

import { LogFile, type LogOutput, type WriteResult } from "../../src/os/log-output.ts";

const MODULE = join(import.meta.dirname, "../../src/os/log-output.ts");

let folder: string;
let log: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "portico-log-output-"));
  log = join(folder, "access.log");
});

afterEach(() => rmSync(folder, { recursive: true }));

function written(output: LogOutput, text: string): Promise<WriteResult> {
  return new Promise((resolve) => output.write(Buffer.from(text), resolve));
}

describe("a file", () => {
  test("is made, readable for others as far as the umask lets them, and appended to", async () => {
    const umask = process.umask(0o027);
    try {
      const first = LogFile.open(log);
      assert.equal(lstatSync(log).mode & 0o777, 0o640);
      assert.equal(await written(first, "one\n"), 4);
      const second = LogFile.open(log);
      assert.equal(second.writeNow(Buffer.from("two\n")), 4);
      assert.equal(await written(first, "three\n"), 6);
      assert.equal(readFileSync(log, "utf8"), "one\ntwo\nthree\n");
      assert.equal(first.isTerminal, false);
      first.close();
      second.close();
    } finally {
      process.umask(umask);
    }
  });

  test("is made anew with the mode of the one that was moved away", async () => {
    const earlier = LogFile.open(log);
    execFileSync("chmod", ["660", log]);
    renameSync(log, `${log}.1`);
    await written(earlier, "one\n");
    const later = earlier.reopened();
    await written(later, "two\n");
    assert.equal(readFileSync(`${log}.1`, "utf8"), "one\n");
    assert.equal(readFileSync(log, "utf8"), "two\n");
    assert.equal(lstatSync(log).mode & 0o777, 0o660);
    earlier.close();
    later.close();
  });

  test("that cannot be opened says why", () => {
    assert.throws(() => LogFile.open("/nowhere/access.log"), { code: "ENOENT" });
    assert.throws(() => LogFile.open(folder), { code: "EISDIR" });
  });

  test("that is on a disk without room says so", async (context) => {
    if (!existsSync("/dev/full")) {
      context.diagnostic("this machine has no /dev/full");
      return;
    }
    const full = LogFile.open("/dev/full");
    assert.equal(await written(full, "x\n"), "ENOSPC");
    full.close();
  });
});

describe("a named pipe", () => {
  test("without room takes whole lines only, and then says that there is none", async () => {
    execFileSync("mkfifo", [log]);
    assert.throws(() => LogFile.open(log), { code: "ENXIO" }, "nobody reads");
    const reader = openSync(log, constants.O_RDONLY | constants.O_NONBLOCK);
    const output = LogFile.open(log);
    const line = `${"x".repeat(99)}\n`;
    const many = line.repeat(1_000);
    const first = await written(output, many);
    assert.ok(typeof first === "number" && first > 4_096 && first < many.length, String(first));
    assert.equal(first % line.length, 0);
    assert.equal(await written(output, many), "EAGAIN");
    const bytes = Buffer.alloc(8_192);
    assert.equal(readSync(reader, bytes), bytes.length);
    const second = await written(output, many);
    assert.ok(typeof second === "number" && second % line.length === 0, String(second));
    closeSync(reader);
    assert.equal(await written(output, line), "EPIPE");
    output.close();
  });

  test("takes a line that is longer than what is written at once", async () => {
    execFileSync("mkfifo", [log]);
    const reader = openSync(log, constants.O_RDONLY | constants.O_NONBLOCK);
    const output = LogFile.open(log);
    const text = `short\n${"y".repeat(9_000)}\nshort\n`;
    assert.equal(await written(output, text), text.length);
    const bytes = Buffer.alloc(text.length);
    assert.equal(readSync(reader, bytes), text.length);
    assert.equal(bytes.toString(), text);
    closeSync(reader);
    output.close();
  });
});

describe("standard output", () => {
  /** Runs a program that has `output`, with its standard output as a shell sets it up. */
  function run(program: string, redirection: string): { stdout: string; stderr: string } {
    const file = join(folder, "program.ts");
    writeFileSync(
      file,
      `import { openStandardOutput } from ${JSON.stringify(MODULE)};
       const output = openStandardOutput();
       const say = (text) => console.error(text);
       const write = (text) => new Promise((done) => output.write(Buffer.from(text), done));
       ${program}`,
    );
    const { stdout, stderr } = spawnSync(
      "sh",
      [
        "-c",
        `"$0" --disable-warning=ExperimentalWarning "$1" ${redirection}`,
        process.execPath,
        file,
      ],
      { encoding: "utf8", timeout: 20_000 },
    );
    return { stdout, stderr };
  }

  test("is a pipe, a file or a socket", () => {
    const program = 'say(await write("line\\n")); say(output.isTerminal);';
    assert.deepEqual(run(program, "| cat"), { stdout: "line\n", stderr: "5\nfalse\n" });
    assert.deepEqual(run(program, ""), { stdout: "line\n", stderr: "5\nfalse\n" });
    assert.deepEqual(run(program, `> ${log}`), { stdout: "", stderr: "5\nfalse\n" });
    assert.equal(readFileSync(log, "utf8"), "line\n");
  });

  test("that nobody reads neither holds the program nor keeps it from ending", () => {
    const said = join(folder, "said");
    const program = `
      import { writeFileSync } from "node:fs";
      const bytes = "x".repeat(99) + "\\n";
      say((await write(bytes.repeat(10_000))) < 1_000_000);
      say(await write(bytes));
      writeFileSync(${JSON.stringify(said)}, "");
      process.exit(0);`;
    const { stderr } = run(
      program,
      `| for moment in $(seq 200); do [ ! -e '${said}' ] || exit; sleep 0.05; done`,
    );
    assert.equal(stderr, "true\nEAGAIN\n");
  });

  test("whose reader is gone says so, as a pipe and as a socket", async () => {
    assert.match(
      run('await new Promise((done) => setTimeout(done, 300)); say(await write("x"));', "| true")
        .stderr,
      /^EPIPE\n$/,
    );
    const file = join(folder, "program.ts");
    writeFileSync(
      file,
      `import { readSync } from "node:fs";
       import { openStandardOutput } from ${JSON.stringify(MODULE)};
       const output = openStandardOutput();
       readSync(0, Buffer.alloc(1));
       output.write(Buffer.from("x"), (result) => console.error(result));`,
    );
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdout.destroy();
    child.stdin.end("go");
    let text = "";
    for await (const piece of child.stderr) text += String(piece);
    assert.equal(text, "EPIPE\n");
  });
});
