/** Pages that show files show them as they are. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { withShownFiles } from "../../scripts/shown-files.ts";

const ROOT = join(import.meta.dirname, "../..");

test("docs/deploy.md shows the files of examples/deploy, all of them, byte for byte", () => {
  const page = readFileSync(join(ROOT, "docs/deploy.md"), "utf8");
  assert.equal(withShownFiles(page), page);
  const files = globSync("examples/deploy/{*,.*}", { cwd: ROOT });
  assert.ok(files.length >= 7, files.join(" "));
  for (const file of files) {
    const text = readFileSync(join(ROOT, file), "utf8");
    assert.ok(page.includes(`\n${text}\`\`\`\n`), `${file} is shown as it is`);
  }
});

test("what a block held before is replaced, and a mark without a block is found", () => {
  const mark = "<!-- shows examples/deploy/.dockerignore -->\n";
  const file = readFileSync(join(ROOT, "examples/deploy/.dockerignore"), "utf8");
  const shown = `A\n\n${mark}\`\`\`text\n${file}\`\`\`\nB\n`;
  assert.equal(withShownFiles(`A\n\n${mark}\`\`\`text\nold\n\`\`\`\nB\n`), shown);
  assert.equal(withShownFiles(shown), shown);
  assert.equal(withShownFiles("# A page\n"), "# A page\n");
  assert.throws(() => withShownFiles(`${mark}text\n`), /1 marks, and 0 blocks/);
});
