/**
 * `--reload`: loads the code anew when its files change, and shows why where it does not load.
 *
 * Ties together what watches (`project-watch.ts`), what waits until the changes are over
 * (`change-batch.ts`), who reloads (the gateway, which reports what came of it, whoever asked for
 * it), and what is shown (`src/handlers/development/development-site.ts`).
 */
import { realpathSync } from "node:fs";
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

export class Development implements ReloadReport {
  readonly site: DevelopmentSite;
  readonly #settings: DevelopmentSettings;
  readonly #reload: () => Promise<unknown>;
  readonly #log: Log;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #watch: ProjectWatch;
  readonly #batch = new ChangeBatch();
  #timer: NodeJS.Timeout | undefined;
  /** What the reload was asked for that is under way; null where somebody else did. */
  #cause: Changes | null = null;
  /** From the moment at which a reload is asked for until it is known what came of it. */
  #isUnderWay = false;
  #isBroken = false;
  #isClosed = false;

  /** @param reload settled when it is over; the report comes by {@link ReloadReport} */
  constructor(
    settings: DevelopmentSettings,
    application: RequestHandler,
    reload: () => Promise<unknown>,
    log: Log,
    clock: Pick<Clock, "nowMs">,
  ) {
    this.site = new DevelopmentSite(application, settings.site);
    this.#settings = settings;
    this.#reload = reload;
    this.#log = log;
    this.#clock = clock;
    this.#watch = new ProjectWatch(
      new WatchedPaths(settings.includes.map((include) => withRealFolder(include))),
      { onChange: (file) => this.#onChange(file), isBroken: () => this.#isBroken },
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
  }

  /** The application has imported these files, or has failed to. */
  onFiles(files: readonly string[]): void {
    this.#watch.watchImported(files);
  }

  /** The code does not load at the start: that is shown, until it does. */
  brokenAtStart({ message, details }: OperatorError): void {
    this.failed(1, null, message, details);
  }

  begun(): void {
    this.#isUnderWay = true;
    this.site.hold();
  }

  served(generation: number, kind: string, tookMs: number): void {
    this.#isBroken = false;
    this.site.showApplication();
    this.#log.info("reloaded", { ...this.#told(tookMs), generation, kind });
    this.#settle();
  }

  failed(_generation: number, _serving: number | null, why: string, details: string | null): void {
    this.#isBroken = true;
    this.site.showBroken(why, details);
    const told = this.#told(undefined);
    this.#log.error(
      "the code does not load, and every request is told so",
      { ...told, why },
      details,
    );
    this.#settle();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#watch.close();
    this.site.close();
  }

  #onChange(file: string): void {
    if (this.#isClosed) return;
    this.#batch.add(file, this.#clock.nowMs());
    this.site.hold();
    this.#wait();
  }

  /** Until the changes are over. What changes while a reload is under way is for the next one. */
  #wait(): void {
    clearTimeout(this.#timer);
    const dueAtMs = this.#batch.dueAtMs;
    if (dueAtMs === null || this.#isUnderWay || this.#isClosed) return;
    this.#timer = setTimeout(() => this.#begin(), Math.max(dueAtMs - this.#clock.nowMs(), 0));
  }

  #begin(): void {
    this.#cause = this.#batch.take();
    this.#isUnderWay = true;
    void this.#reload();
  }

  /** A reload is over. */
  #settle(): void {
    this.#isUnderWay = false;
    this.#cause = null;
    if (this.#batch.dueAtMs === null) this.site.release();
    else this.#wait();
  }

  /** What a line about a reload says of its cause, and how long it took since then. */
  #told(tookMs: number | undefined): { changed?: string; tookMs?: number } {
    if (this.#cause === null) return tookMs === undefined ? {} : { tookMs };
    const { paths, count, firstAtMs } = this.#cause;
    const first = this.#shown(paths[0] ?? "");
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
