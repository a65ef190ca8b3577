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
 * A page's text, with each of the files that it shows as it is now.
 *
 * @throws {Error} where a file is not there, or a mark has no block behind it
 */
export function withShownFiles(text: string): string {
  let shown = 0;
  const formatted = text.replaceAll(BLOCK, (_, head: string, path: string, tail: string) => {
    shown++;
    return head + readFileSync(join(ROOT, path), "utf8") + tail;
  });
  const marks = text.match(MARK)?.length ?? 0;
  if (shown !== marks) throw new Error(`there are ${marks} marks, and ${shown} blocks behind them`);
  return formatted;
}
