/**
 * The files of the live page, as they are served. The modules are TypeScript: their types are taken
 * out when they are first asked for, which leaves every other byte where it is.
 *
 * Owns which files there are. They are read from the package's sources also where the program
 * itself is compiled, so that both serve the same bytes.
 */
import { readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import path from "node:path";

export interface PageFile {
  readonly mediaType: string;
  readonly content: Buffer;
}

/** Both `src/server/dashboard` and `dist/server/dashboard` lie three below the package. */
const FOLDER = path.resolve(import.meta.dirname, "../../../src/server/dashboard/page");
const INDEX = "index.html";
/** In the page, for its script: whether there is any use in asking without a token. */
const NO_TOKEN = 'data-token="none"';
const TOKEN_NEEDED = 'data-token="needed"';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".ts": "text/javascript; charset=utf-8",
};

export class PageFiles {
  /** By name; null until it is asked for. Nothing else of the file system can be reached. */
  readonly #files: Map<string, PageFile | null>;

  readonly #tokenNeeded: boolean;

  /** @param tokenNeeded said in the page; whoever asks for events without one hears it as well */
  constructor(tokenNeeded: boolean) {
    this.#tokenNeeded = tokenNeeded;
    const names = readdirSync(FOLDER).filter((name) => path.extname(name) in MEDIA_TYPES);
    this.#files = new Map(names.map((name) => [name, null]));
  }

  /** @param target path of the request, with its `/` */
  find(target: string): PageFile | null {
    const name = target === "/" ? INDEX : target.slice(1);
    const known = this.#files.get(name);
    if (known === undefined) return null;
    const file = known ?? readPageFile(name, this.#tokenNeeded);
    this.#files.set(name, file);
    return file;
  }
}

function readPageFile(name: string, tokenNeeded: boolean): PageFile {
  const extension = path.extname(name);
  let text = readFileSync(path.join(FOLDER, name), "utf8");
  if (extension === ".ts") text = stripTypeScriptTypes(text);
  if (name === INDEX && tokenNeeded) text = text.replace(NO_TOKEN, TOKEN_NEEDED);
  const mediaType = MEDIA_TYPES[extension] ?? "application/octet-stream";
  return { mediaType, content: Buffer.from(text) };
}
