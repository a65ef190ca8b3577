import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";

import { OperatorError } from "../../src/base/errors.ts";
import { readErrorPage } from "../../src/cli/error-page-file.ts";

const folder = mkdtempSync(path.join(tmpdir(), "portico-test-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Buffer): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

test("the kind of the page follows from its name", () => {
  for (const [name, contentType] of [
    ["a.html", "text/html; charset=utf-8"],
    ["a.HTM", "text/html; charset=utf-8"],
    ["a.txt", "text/plain; charset=utf-8"],
    ["a.json", "application/json"],
  ] as const) {
    const page = readErrorPage(write(name, "gr\u00fc\u00dfe {status}"));
    assert.deepEqual(page, { contentType, text: "gr\u00fc\u00dfe {status}" });
  }
});

test("a page that cannot be used is an operator's mistake, in one line", () => {
  for (const [file, why] of [
    [path.join(folder, "missing.html"), "ENOENT"],
    [folder, "EISDIR"],
    [write("large.txt", "a".repeat(65_537)), "larger than 65536 bytes"],
    [write("latin-1.txt", Buffer.of(0xe4)), "not UTF-8"],
  ] as const) {
    assert.throws(
      () => readErrorPage(file),
      (error) =>
        error instanceof OperatorError &&
        error.exitStatus === 2 &&
        error.message.startsWith(`--error-page ${file}: `) &&
        error.message.includes(why),
      why,
    );
  }
});
