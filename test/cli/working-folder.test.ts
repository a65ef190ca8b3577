import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import { workingFolder } from "../../src/cli/working-folder.ts";

test("PWD is believed where it leads to the same folder, by whatever name", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "portico-test-"));
  try {
    const link = path.join(folder, "current");
    symlinkSync(process.cwd(), link);
    assert.equal(workingFolder({ PWD: link }), link);
    assert.equal(workingFolder({ PWD: folder }), process.cwd());
    assert.equal(workingFolder({ PWD: path.join(folder, "nothing") }), process.cwd());
    assert.equal(workingFolder({ PWD: "." }), process.cwd());
    assert.equal(workingFolder({}), process.cwd());
  } finally {
    rmSync(folder, { recursive: true });
  }
});
