/**
 * Which files a change of which means that the code is to be loaded anew. Pure: works on paths, and
 * asks no file system.
 */
import path from "node:path";

/** What a file is to the application, as far as its path tells. */
export type FileKind = "source" | "template" | "included";

/** A file that has changed, and what is known of it. */
export interface ChangedFile {
  readonly kind: FileKind;
  /** Whether the application has imported it, or has failed to. */
  readonly isImported: boolean;
  /** Whether it had not been there before. */
  readonly isNew: boolean;
}

/** A `--reload-include`, taken apart. */
export type IncludeGlob =
  /** Files of such a name, in whatever folder is watched. */
  | { readonly kind: "name"; readonly pattern: string }
  /** Files below `folder` whose path from there is such; a folder's is all that it holds. */
  | { readonly kind: "path"; readonly folder: string; readonly pattern: string };

const SOURCE_SUFFIX = ".py";
/** Flask, Django and Pyramid look for templates in folders that are called so by themselves. */
const TEMPLATE_FOLDERS: ReadonlySet<string> = new Set(["templates", "jinja2"]);
/** What is a template wherever it lies: of Django, Jinja, Mako, Chameleon and Bottle. */
const TEMPLATE_SUFFIXES: ReadonlySet<string> = new Set([
  ".html",
  ".htm",
  ".jinja",
  ".jinja2",
  ".j2",
  ".mako",
  ".mak",
  ".pt",
  ".tpl",
]);
/** Folders that hold nothing of the application's own; so do those that begin with a dot. */
const FOREIGN_FOLDERS: ReadonlySet<string> = new Set([
  "__pycache__",
  "node_modules",
  "site-packages",
  "dist-packages",
  "htmlcov",
]);
/** A file with this name makes its folder a virtual environment (PEP 405). */
export const VIRTUAL_ENVIRONMENT_MARK = "pyvenv.cfg";
/** What editors leave beside a file while they write it, and what Python makes of it. */
const PASSING_FILE = /^(?:\.|#)|(?:~|#|\.py[co]|\.sw[a-z]|\.tmp|\.bak|___jb_(?:tmp|old)___)$/i;
const MAGIC = /[*?[\]{}!()]/;

export class WatchedPaths {
  readonly includes: readonly IncludeGlob[];

  constructor(includes: readonly IncludeGlob[]) {
    this.includes = includes;
  }

  /** @returns null for a file whose changes mean nothing */
  kindOf(file: string): FileKind | null {
    if (this.includes.some((include) => isIncluded(file, include))) return "included";
    const name = path.basename(file);
    if (PASSING_FILE.test(name)) return null;
    const suffix = path.extname(name).toLowerCase();
    if (suffix === SOURCE_SUFFIX) return "source";
    if (TEMPLATE_SUFFIXES.has(suffix)) return "template";
    const folders = path.dirname(file).split(path.sep);
    return folders.some((folder) => isTemplateFolder(folder)) ? "template" : null;
  }
}

/**
 * Whether a change means that the code is to be loaded anew.
 *
 * A source file that is not imported means nothing, such as a test; but a new one may be what an
 * import looked for in vain. While it is not known which are imported, because the code is being
 * loaded or does not load, any may be one of them.
 */
export function isReasonToReload(
  { kind, isImported, isNew }: ChangedFile,
  isIncomplete: boolean,
): boolean {
  return kind !== "source" || isImported || isNew || isIncomplete;
}

/** Whether nothing in a folder of this name is looked at. */
export function isForeignFolder(name: string): boolean {
  return name.startsWith(".") || FOREIGN_FOLDERS.has(name) || name.endsWith(".egg-info");
}

export function isTemplateFolder(name: string): boolean {
  return TEMPLATE_FOLDERS.has(name);
}

/**
 * @param text a glob; with a slash in it a path, else a name
 * @param folder what a relative path begins at
 */
export function parseIncludeGlob(text: string, folder: string): IncludeGlob {
  if (!text.includes("/")) return { kind: "name", pattern: text };
  const segments = text.split("/").filter((segment) => segment !== "" && segment !== ".");
  const firstMagic = segments.findIndex((segment) => MAGIC.test(segment));
  // What is a plain path may be a file, and so is looked for in its folder.
  const split = firstMagic === -1 ? Math.max(segments.length - 1, 0) : firstMagic;
  const begin = text.startsWith("/") ? "/" : folder;
  return {
    kind: "path",
    folder: path.join(begin, ...segments.slice(0, split)),
    pattern: segments.slice(split).join("/") || "**",
  };
}

/** Whether a glob reaches below the folder that it begins at. */
export function isDeep(include: IncludeGlob): boolean {
  return include.kind === "path" && /\/|\*\*/.test(include.pattern);
}

function isIncluded(file: string, include: IncludeGlob): boolean {
  if (include.kind === "name") return path.matchesGlob(path.basename(file), include.pattern);
  const relative = path.relative(include.folder, file);
  if (relative === "" || relative.startsWith("..")) return false;
  return (
    path.matchesGlob(relative, include.pattern) ||
    path.matchesGlob(relative, `${include.pattern}/**`)
  );
}
