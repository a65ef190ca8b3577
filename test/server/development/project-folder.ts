/** A folder with files for tests that change them, removed behind the test. */
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";

export class ProjectFolder implements Disposable {
  readonly path = realpathSync(mkdtempSync(path.join(os.tmpdir(), "portico-project-")));

  at(...segments: string[]): string {
    return path.join(this.path, ...segments);
  }

  /** Writes a file, and makes the folders that it takes. */
  write(name: string, text = name): string {
    const file = this.at(name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** As editors do: another file takes its place. */
  replace(name: string, text: string): void {
    this.write(`${name}.tmp`, text);
    renameSync(this.at(`${name}.tmp`), this.at(name));
  }

  remove(name: string): void {
    rmSync(this.at(name), { recursive: true });
  }

  rename(from: string, to: string): void {
    renameSync(this.at(from), this.at(to));
  }

  link(name: string, target: string): void {
    symlinkSync(target, this.at(name));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
