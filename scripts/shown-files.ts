/**
 * Pages that show files of the repository, byte for byte: behind the line
 *
 *     <!-- shows examples/deploy/Dockerfile -->
 *
 * a page has a fenced block, and what is in it is the file.
 *
 * Owns the form of such a block. Must not know which pages there are, nor write them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const BLOCK = /^(<!-- shows (\S+) -->\n```\w*\n)[\s\S]*?^(```)$/gm;
const MARK = /^<!-- shows .* -->$/gm;

/**
 * The text of a page with each of its shown files as it is now.
 *
 * @param page from the root of the repository
 * @throws {Error} where a file is not there, or a mark has no block behind it
 */
export function withShownFiles(page: string): string {
  const text = readFileSync(join(ROOT, page), "utf8");
  let shown = 0;
  const formatted = text.replaceAll(BLOCK, (_, head: string, path: string, tail: string) => {
    shown++;
    return head + readFileSync(join(ROOT, path), "utf8") + tail;
  });
  const marks = text.match(MARK)?.length ?? 0;
  if (shown !== marks) throw new Error(`${page} has ${marks} marks and shows ${shown} files`);
  return formatted;
}
