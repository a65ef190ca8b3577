import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { OperatorError } from "../../src/base/errors.ts";
import { PidFile, processKind } from "../../src/os/pid-file.ts";

const OURS = `${process.pid}\n`;

describe("the PID file", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "portico-pid-"));
    file = path.join(folder, "pid");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function assertRefused(call: () => void, why: RegExp): void {
    assert.throws(call, (error) => {
      assert.ok(error instanceof OperatorError, String(error));
      assert.equal(error.exitStatus, 1);
      assert.match(error.message, why);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
  }

  it("is written whole, and removed", () => {
    const pidFile = new PidFile(file, null);
    pidFile.check(null);
    pidFile.write(null);
    assert.equal(readFileSync(file, "utf8"), OURS);
    assert.equal(statSync(file).mode & 0o777, 0o644 & ~process.umask());
    assert.deepEqual(readdirSync(folder), ["pid"]);
    pidFile.removeIfOurs();
    assert.deepEqual(readdirSync(folder), []);
    pidFile.removeIfOurs();
  });

  it("that names a Portico which is alive is refused", () => {
    writeFileSync(file, "4711\n");
    const pidFile = new PidFile(file, null, () => "portico");
    assertRefused(() => pidFile.check(null), /PID 4711 in it is a Portico that runs/);
    assertRefused(() => pidFile.write(null), /PID 4711/);
    assert.equal(readFileSync(file, "utf8"), "4711\n");
    assert.deepEqual(readdirSync(folder), ["pid"]);
  });

  it("that is stale is replaced: nobody's, another program's, nothing, our own number", () => {
    for (const [content, kind] of [
      ["4711\n", "gone"],
      ["4711", "other"],
      ["", "portico"],
      ["\n", "portico"],
      [OURS, "portico"],
    ] as const) {
      writeFileSync(file, content);
      const pidFile = new PidFile(file, null, () => kind);
      pidFile.check(null);
      pidFile.write(null);
      assert.equal(readFileSync(file, "utf8"), OURS);
    }
  });

  it("of the predecessor is replaced by its successor, and then left alone by that", () => {
    writeFileSync(file, "4711\n");
    const pidFile = new PidFile(file, null, () => "portico");
    pidFile.check(4711);
    pidFile.write(4711);
    assert.equal(readFileSync(file, "utf8"), OURS);
    writeFileSync(file, "4711\n");
    pidFile.removeIfOurs();
    assert.ok(existsSync(file));
  });

  it("that is something else is not touched", () => {
    const precious = path.join(folder, "precious");
    writeFileSync(precious, "precious\n");
    symlinkSync(precious, file);
    const pidFile = new PidFile(file, null);
    assertRefused(() => pidFile.check(null), /holds something else/);
    assertRefused(() => pidFile.write(null), /holds something else/);
    assert.equal(readFileSync(precious, "utf8"), "precious\n");
    assertRefused(() => new PidFile(folder, null).check(null), /EISDIR/);
    const nowhere = new PidFile(path.join(folder, "none", "pid"), null);
    nowhere.check(null);
    assertRefused(() => nowhere.write(null), /cannot be written \(ENOENT\)/);
  });
});

describe("what runs under a number", () => {
  it("is a Portico, another program, or nobody", async () => {
    assert.equal(processKind(process.pid), "other");
    const child = spawn("sleep", ["0"]);
    await once(child, "exit");
    assert.equal(processKind(child.pid ?? 0), "gone");
    const main = path.resolve(import.meta.dirname, "..", "..", "src", "cli", "main.ts");
    const portico = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)", main]);
    try {
      await once(portico, "spawn");
      assert.equal(processKind(portico.pid ?? 0), "portico");
    } finally {
      portico.kill("SIGKILL");
    }
  });
});
