/**
 * Watches the folders in which the application's files are, by the kernel's file events
 * (inotify(7) on Linux), and tells which files have changed. Folders, not files: editors replace a
 * file by renaming another one, and new files appear.
 *
 * Which files matter is `watched-paths.ts`'s. All paths are real ones, without symbolic links to
 * folders in them. Works synchronously: it is for development, and bounded.
 */
import {
  type BigIntStats,
  type Dirent,
  type FSWatcher,
  lstatSync,
  readdirSync,
  realpathSync,
  statSync,
  watch,
} from "node:fs";
import path from "node:path";
import type { Log } from "../../base/log.ts";
import {
  isForeignFolder,
  isReasonToReload,
  isTemplateFolder,
  VIRTUAL_ENVIRONMENT_MARK,
  type WatchedPaths,
} from "./watched-paths.ts";

export interface ProjectWatchEvents {
  /** Called once or several times for each change. */
  onChange(file: string): void;
  /** Whether it is not known at present which files are imported. */
  isIncomplete(): boolean;
}

export interface WatchBounds {
  readonly foldersMax: number;
  /** Of these, what is left for folders with imported files, however many others there are. */
  readonly importFoldersReserved: number;
}

/** inotify lets a user have 8192 on small systems. */
const BOUNDS: WatchBounds = { foldersMax: 4_096, importFoldersReserved: 1_024 };
/** Imported files that are heard of, in the whole life of the program. */
const IMPORTED_MAX = 65_536;

interface WatchedFolder {
  readonly watcher: FSWatcher;
  readonly inode: bigint;
  /** Whether the folders in it are watched as well. */
  isDeep: boolean;
}

/** How a folder is come to. */
interface Approach {
  readonly isDeep: boolean;
  /** Whether what is found in it was not there before. */
  readonly isNews: boolean;
  /** Whether it has been asked for by name, and is watched whatever it is. */
  readonly isNamed: boolean;
}

export class ProjectWatch {
  readonly #paths: WatchedPaths;
  readonly #events: ProjectWatchEvents;
  readonly #log: Log;
  readonly #bounds: WatchBounds;
  readonly #folders = new Map<string, WatchedFolder>();
  /** What each file that matters was when it was last looked at; null where it was not there. */
  readonly #signatures = new Map<string, string | null>();
  readonly #imported = new Set<string>();
  readonly #importedAsReported = new Set<string>();
  #hasComplained = false;

  constructor(paths: WatchedPaths, events: ProjectWatchEvents, log: Log, bounds = BOUNDS) {
    this.#paths = paths;
    this.#events = events;
    this.#log = log;
    this.#bounds = bounds;
  }

  get folderCount(): number {
    return this.#folders.size;
  }

  /** Watches a folder and what is below it, from the top; nothing where it is not there. */
  watchTree(folder: string): void {
    this.#enter(folder, { isDeep: true, isNews: false, isNamed: true });
  }

  /** Watches the files in a folder, and templates below it. */
  watchFolder(folder: string): void {
    this.#enter(folder, { isDeep: false, isNews: false, isNamed: true });
  }

  /** The application has imported these, or has failed to; each may be said many times. */
  watchImported(files: readonly string[]): void {
    for (const file of files) {
      if (this.#importedAsReported.has(file)) continue;
      if (this.#importedAsReported.size >= IMPORTED_MAX) return;
      this.#importedAsReported.add(file);
      const folder = realPath(path.dirname(file));
      const real = realPath(file);
      // A link to a file changes when it leads elsewhere, and when the file does.
      if (folder !== null) this.#watchImportedFile(path.join(folder, path.basename(file)));
      if (real !== null) this.#watchImportedFile(real);
    }
  }

  close(): void {
    for (const { watcher } of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  #watchImportedFile(file: string): void {
    this.#imported.add(file);
    this.watchFolder(path.dirname(file));
  }

  /** Watches a folder, and those below it as far as they are to be; the nearest ones first. */
  #enter(top: string, approach: Approach): void {
    const queue: [folder: string, approach: Approach][] = [[top, approach]];
    for (const [given, how] of queue) {
      const folder = realPath(given);
      if (folder === null || !this.#begin(folder, how)) continue;
      for (const [below, isDeep] of this.#scan(folder, how)) {
        queue.push([below, { isDeep, isNews: how.isNews, isNamed: false }]);
      }
    }
  }

  /** @returns whether what is in it has to be looked at */
  #begin(folder: string, { isDeep, isNamed }: Approach): boolean {
    const stat = statOf(folder);
    if (stat?.isDirectory() !== true) return false;
    const known = this.#folders.get(folder);
    if (known !== undefined && known.inode === stat.ino) {
      if (known.isDeep || !isDeep) return false;
      known.isDeep = true;
      return true;
    }
    // Another one has taken its place.
    if (known !== undefined) this.#leave(folder);
    const { foldersMax, importFoldersReserved } = this.#bounds;
    const max = isNamed ? foldersMax : foldersMax - importFoldersReserved;
    if (this.#folders.size >= max) {
      this.#complain(`more than ${max} folders; start in the application's own folder (--chdir)`);
      return false;
    }
    const watcher = this.#watch(folder);
    if (watcher === null) return false;
    this.#folders.set(folder, { watcher, inode: stat.ino, isDeep });
    return true;
  }

  #watch(folder: string): FSWatcher | null {
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) =>
        this.#look(folder, event, name),
      );
      watcher.on("error", () => this.#leave(folder));
      return watcher;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const isLimit = code === "ENOSPC" || code === "EMFILE";
      if (isLimit) this.#complain("the system's limit, fs.inotify.max_user_watches or _instances");
      return null;
    }
  }

  /**
   * Takes down what files there are. It is watched by then, so that nothing is missed.
   *
   * @returns the folders in it that are to be watched, and whether with those below them
   */
  #scan(folder: string, { isNews, isNamed }: Approach): [folder: string, isDeep: boolean][] {
    const entries = entriesOf(folder);
    if (!isNamed && entries.some(({ name }) => name === VIRTUAL_ENVIRONMENT_MARK)) {
      this.#leave(folder);
      return [];
    }
    const isDeep = this.#folders.get(folder)?.isDeep === true;
    const below: [string, boolean][] = [];
    for (const entry of entries) {
      const at = path.join(folder, entry.name);
      const isTemplates = isTemplateFolder(entry.name);
      if (entry.isDirectory()) {
        if (isTemplates || (isDeep && !isForeignFolder(entry.name))) below.push([at, true]);
      } else if (isTemplates && entry.isSymbolicLink()) {
        // Other links to folders are not followed: they may lead to anything of any size.
        below.push([at, true]);
      } else if (isNews || !this.#signatures.has(at)) {
        this.#compare(at, isNews);
      }
    }
    return below;
  }

  /** Something has happened to what has that name, or had it. */
  #look(folder: string, event: string, name: string | null): void {
    const watched = this.#folders.get(folder);
    if (watched === undefined) return;
    if (name === null) {
      this.#scan(folder, { isDeep: watched.isDeep, isNews: true, isNamed: true });
      return;
    }
    const at = path.join(folder, name);
    if (event === "rename" && isFolder(at, isTemplateFolder(name))) {
      const isWanted = isTemplateFolder(name) || (watched.isDeep && !isForeignFolder(name));
      const isDeep = isWanted || this.#folders.get(at)?.isDeep === true;
      const isNamed = this.#folders.has(at);
      if (isWanted || isNamed) this.#enter(at, { isDeep, isNews: true, isNamed });
      return;
    }
    if (event === "rename") this.#leave(at);
    this.#compare(at, true);
  }

  /** Stops to watch a folder and those below it, if it was watched: it is gone. */
  #leave(folder: string): void {
    if (!this.#folders.has(folder)) return;
    for (const [other, { watcher }] of this.#folders) {
      if (other !== folder && !other.startsWith(folder + path.sep)) continue;
      watcher.close();
      this.#folders.delete(other);
    }
    for (const file of this.#signatures.keys()) {
      if (file.startsWith(folder + path.sep)) this.#compare(file, true);
    }
  }

  /** Looks at a file, and tells where it is not what it was and that matters. */
  #compare(file: string, isNews: boolean): void {
    const isImported = this.#imported.has(file);
    const kind = isImported ? "source" : this.#paths.kindOf(file);
    if (kind === null) return;
    const before = this.#signatures.get(file);
    const stat = statOf(file);
    const now = stat?.isFile() === true ? `${stat.ino} ${stat.size} ${stat.mtimeNs}` : null;
    if (now === before || (now === null && before === undefined)) return;
    this.#signatures.set(file, now);
    const changed = { kind, isImported, isNew: before === undefined };
    if (isNews && isReasonToReload(changed, this.#events.isIncomplete()))
      this.#events.onChange(file);
  }

  #complain(why: string): void {
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    this.#log.warn("not everything is watched, so not every change will be noticed", { why });
  }
}

function statOf(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch {
    // It cannot be looked at (EACCES, ELOOP), and so it can be nothing that is imported.
    return undefined;
  }
}

function isFolder(file: string, followsLink: boolean): boolean {
  try {
    return (followsLink ? statSync(file) : lstatSync(file)).isDirectory();
  } catch {
    return false;
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // It is gone by now, which its own folder tells.
    return [];
  }
}

function realPath(file: string): string | null {
  try {
    return realpathSync(file);
  } catch {
    return null;
  }
}
