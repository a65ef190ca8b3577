/**
 * Writes the pages that follow from the code, or with `--check` fails where one is not what the
 * code says.
 *
 * Owns the list of such pages. Must not know how their text is made.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { manualText } from "../src/options/help.ts";
import { withShownFiles } from "./shown-files.ts";
import { statePage } from "./state-page.ts";

const ROOT = join(import.meta.dirname, "..");

const PAGES: readonly { readonly path: string; readonly format: () => string }[] = [
  { path: "docs/options.md", format: manualText },
  { path: "docs/states.md", format: statePage },
  { path: "docs/deploy.md", format: () => withShownFiles(read("docs/deploy.md")) },
];

const isCheck = process.argv.includes("--check");
for (const { path, format } of PAGES) {
  const text = format();
  if (!isCheck) {
    writeFileSync(join(ROOT, path), text);
  } else if (readIfPresent(join(ROOT, path)) !== text) {
    console.error(`${path} is not what the code says: run npm run generate`);
    process.exitCode = 1;
  }
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
