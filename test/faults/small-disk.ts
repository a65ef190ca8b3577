/**
 * A file system of a test's own that is soon full. Only root can mount one: elsewhere the tests
 * that need it are left out, and say so.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import os from "node:os";
import path from "node:path";

export class SmallDisk implements Disposable {
  readonly folder: string;

  /** @throws {Error} this process may not mount */
  constructor(bytes: number) {
    this.folder = mkdtempSync(path.join(os.tmpdir(), "small-disk-"));
    try {
      const options = `size=${bytes},mode=1777`;
      execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", this.folder], {
        stdio: "pipe",
      });
    } catch (error) {
      rmSync(this.folder, { recursive: true });
      throw error;
    }
  }

  /** Bytes that files have, those without a name as well. */
  get usedBytes(): number {
    const { blocks, bfree, bsize } = statfsSync(this.folder);
    return (blocks - bfree) * bsize;
  }

  [Symbol.dispose](): void {
    // Lazily: a server that failed its test may still hold a file.
    spawnSync("umount", ["--lazy", this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whether there can be one; where there cannot, a line on standard error says what is left out. */
export function canMount(): boolean {
  try {
    new SmallDisk(65_536)[Symbol.dispose]();
    return true;
  } catch {
    process.stderr.write("left out: the tests with a full disk, which only root can mount\n");
    return false;
  }
}
