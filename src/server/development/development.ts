/**
 * `--reload`: loads the code anew when its files change, and shows why where it does not load.
 *
 * Ties together what watches (`project-watch.ts`), what waits until the changes are over
 * (`change-batch.ts`), who reloads (the gateway, which reports what came of it, whoever asked for
 * it), and what is shown (`src/handlers/development/development-site.ts`).
 */
import { existsSync, realpathSync } from "node:fs";
import path from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { OperatorError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import {
  DevelopmentSite,
  type DevelopmentSiteSettings,
} from "../../handlers/development/development-site.ts";
import type { RequestHandler } from "../../handlers/handler.ts";
import type { ReloadReport } from "../../workers/reload-report.ts";
import { ChangeBatch, type Changes } from "./change-batch.ts";
import { ProjectWatch } from "./project-watch.ts";
import { type IncludeGlob, isDeep, WatchedPaths } from "./watched-paths.ts";

export interface DevelopmentSettings {
  readonly site: DevelopmentSiteSettings;
  /** Folders that are watched with all that is below them; the working folder is the first. */
  readonly folders: readonly string[];
  readonly includes: readonly IncludeGlob[];
}

/** Who reloads: the gateway. */
export interface Reloading {
  /** Settled when it is over; what came of it is told by the {@link ReloadReport}. */
  reload(): Promise<unknown>;
  /** What is being loaded is not the newest code any more, and may take for ever. */
  abandonReload(): void;
}

/**
 * So long code may take to be loaded although there is newer code. It mostly takes less; but what
 * hangs would otherwise be waited for although it has been repaired.
 */
const OUTDATED_LOAD_MAX_MS = 5_000;

/** How often it is said that loading goes on. */
const PATIENCE_INTERVAL_MS = 10_000;

export class Development implements ReloadReport {
  readonly site: DevelopmentSite;
  readonly #settings: DevelopmentSettings;
  readonly #reloading: Reloading;
  readonly #log: Log;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #watch: ProjectWatch;
  readonly #batch = new ChangeBatch();
  #timer: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  /** What the reload was asked for that is under way; null where somebody else did. */
  #cause: Changes | null = null;
  /** When code began to be loaded of which it is not known yet what comes of it; else null. */
  #underWaySinceMs: number | null = null;
  /** That has been given up, because it has changed. */
  #isOutdated = false;
  #isBroken = false;
  #isClosed = false;

  constructor(
    settings: DevelopmentSettings,
    application: RequestHandler,
    reloading: Reloading,
    log: Log,
    clock: Pick<Clock, "nowMs">,
  ) {
    this.site = new DevelopmentSite(application, settings.site);
    this.#settings = settings;
    this.#reloading = reloading;
    this.#log = log;
    this.#clock = clock;
    this.#watch = new ProjectWatch(
      new WatchedPaths(settings.includes.map((include) => withRealFolder(include))),
      { onChange: (file) => this.#onChange(file), isIncomplete: () => this.#isIncomplete },
      log,
    );
  }

  /** Begins to watch. Called before the code is loaded for the first time. */
  start(): void {
    const { folders, includes } = this.#settings;
    for (const folder of folders) this.#watch.watchTree(folder);
    for (const include of includes) {
      if (include.kind === "name") continue;
      if (isDeep(include)) this.#watch.watchTree(include.folder);
      else this.#watch.watchFolder(include.folder);
      this.#watch.watchTree(path.join(include.folder, include.pattern));
    }
    this.#log.info("watching for changes", { folders: this.#watch.folderCount });
    this.#loadingBegins();
  }

  /** The application has imported these files, or has failed to. */
  onFiles(files: readonly string[]): void {
    this.#watch.watchImported(files);
  }

  loadedAtStart(): void {
    this.#settle();
  }

  /** The code does not load at the start: that is shown, until it does. */
  brokenAtStart({ message, details }: OperatorError): void {
    if (this.#isOutdated) this.#showBroken("it is being loaded anew", null);
    this.failed(1, null, message, details);
  }

  begun(): void {
    this.#loadingBegins();
    this.site.hold();
  }

  served(generation: number, kind: string, tookMs: number): void {
    this.#isBroken = false;
    this.site.showApplication();
    this.#log.info("reloaded", { ...this.#told(tookMs), generation, kind });
    this.#settle();
  }

  failed(_generation: number, _serving: number | null, why: string, details: string | null): void {
    if (this.#isOutdated) {
      this.#log.info("what was being loaded is given up, since it has changed");
    } else {
      this.#showBroken(why, details);
      const fields = { ...this.#told(undefined), why };
      this.#log.error("the code does not load, and every request is told so", fields, details);
    }
    this.#settle();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#patience);
    this.#watch.close();
    this.site.close();
  }

  /** Nobody knows of all files that are imported while they are being imported, or are not. */
  get #isIncomplete(): boolean {
    return this.#isBroken || this.#underWaySinceMs !== null;
  }

  #showBroken(why: string, details: string | null): void {
    this.#isBroken = true;
    this.site.showBroken(why, details);
  }

  #onChange(file: string): void {
    if (this.#isClosed) return;
    this.#batch.add(file, this.#clock.nowMs());
    this.site.hold();
    this.#wait();
  }

  /** Until the changes are over, and what is under way. */
  #wait(): void {
    clearTimeout(this.#timer);
    const dueAtMs = this.#batch.dueAtMs;
    if (dueAtMs === null || this.#isClosed) return;
    const givenUpAtMs =
      this.#underWaySinceMs === null ? 0 : this.#underWaySinceMs + OUTDATED_LOAD_MAX_MS;
    const delayMs = Math.max(dueAtMs, givenUpAtMs) - this.#clock.nowMs();
    this.#timer = setTimeout(() => this.#waited(), Math.max(delayMs, 0));
  }

  #waited(): void {
    if (this.#underWaySinceMs !== null) {
      this.#isOutdated = true;
      this.#reloading.abandonReload();
      return;
    }
    this.#cause = this.#batch.take();
    this.#loadingBegins();
    void this.#reloading.reload();
  }

  #loadingBegins(): void {
    const sinceMs = this.#clock.nowMs();
    this.#underWaySinceMs = sinceMs;
    clearInterval(this.#patience);
    this.#patience = setInterval(() => {
      const seconds = Math.round((this.#clock.nowMs() - sinceMs) / 1000);
      this.#log.info("the code is still being loaded, and requests wait for it", { seconds });
    }, PATIENCE_INTERVAL_MS).unref();
  }

  /** It is known what came of what was being loaded. */
  #settle(): void {
    clearInterval(this.#patience);
    this.#underWaySinceMs = null;
    this.#isOutdated = false;
    this.#cause = null;
    if (this.#batch.dueAtMs === null) this.site.release();
    else this.#wait();
  }

  /** What a line about a reload says of its cause, and how long it took since then. */
  #told(tookMs: number | undefined): { changed?: string; tookMs?: number } {
    if (this.#cause === null) return tookMs === undefined ? {} : { tookMs };
    const { paths, count, firstAtMs } = this.#cause;
    // Editors write to another file first, which is gone by now.
    const first = this.#shown(paths.find((file) => existsSync(file)) ?? paths[0] ?? "");
    return {
      changed: count === 1 ? first : `${first} and ${count - 1} more`,
      tookMs: Math.round(this.#clock.nowMs() - firstAtMs),
    };
  }

  /** From the working folder where it is below it. */
  #shown(file: string): string {
    const relative = path.relative(realFolder(this.#settings.folders[0] ?? "/"), file);
    return relative.startsWith("..") ? file : relative;
  }
}

function withRealFolder(include: IncludeGlob): IncludeGlob {
  return include.kind === "name" ? include : { ...include, folder: realFolder(include.folder) };
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    // It may be made later, below another one that is watched.
    return folder;
  }
}
