/**
 * "Did you mean ...?" where a word that is no command, and no module either, comes where a command
 * would: `portico relaod --watch`.
 *
 * Without it the word would be taken for an application: an option of the command would be refused
 * as unknown, or, where a portico runs, the address as in use.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { OperatorError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { usageError } from "../options/given-values.ts";

/** What an interpreter may take to look for a module. */
const SEARCH_TIMEOUT_MS = 10_000;
const NOT_FOUND = 3;
/** Looks for a module, and imports nothing of it. argv: the module, then where to look first. */
const SEARCH = `import sys, importlib.util
sys.path[:0] = sys.argv[2:]
sys.exit(${NOT_FOUND} if importlib.util.find_spec(sys.argv[1]) is None else 0)`;

/** What others call what we call otherwise. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["help", "--help"],
  ["restart", "reload"],
  ["version", "--version"],
]);

/** Where an application is looked for. */
export interface ModuleSearch {
  /** The interpreter's path. */
  readonly python: string;
  readonly folder: string;
  readonly pythonpath: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** @returns what was meant, as one types it behind `portico`; null where nothing is near */
export function commandMeant(word: string, commands: readonly string[]): string | null {
  if (/[^a-z]/i.test(word)) return null;
  return ELSEWHERE.get(word) ?? nearestName(word, commands);
}

/**
 * Refuses a reference that is nearly a command, where Python finds no module of that name.
 *
 * @throws {OperatorError} exit status 2
 */
export function refuseMistypedCommand(
  reference: string,
  commands: readonly string[],
  search: ModuleSearch,
): void {
  const meant = commandMeant(reference, commands);
  if (meant === null || isModule(reference, search)) return;
  throw usageError(
    `${reference}: there is no module of that name in ${search.folder}, nor where Python looks; ` +
      `--chdir says where the application is. The nearest command is portico ${meant}`,
  );
}

/**
 * What was wrong with a command line that was taken for an application's, and that its first word
 * is nearly a command.
 */
export function withCommandMeant(
  error: unknown,
  argv: readonly string[],
  commands: readonly string[],
): unknown {
  const [word = ""] = argv;
  const meant = commandMeant(word, commands);
  if (meant === null || !(error instanceof OperatorError)) return error;
  const message = `${error.message} (${word} is no command; the nearest is portico ${meant})`;
  return new OperatorError(error.exitStatus, message, error.details);
}

function isModule(name: string, { python, folder, pythonpath, env }: ModuleSearch): boolean {
  const folders = [folder, ...pythonpath];
  const lies = (within: string): boolean =>
    existsSync(path.join(within, name)) || existsSync(path.join(within, `${name}.py`));
  if (folders.some(lies)) return true;
  const { status } = spawnSync(python, ["-c", SEARCH, name, ...folders], {
    cwd: folder,
    env,
    stdio: "ignore",
    timeout: SEARCH_TIMEOUT_MS,
  });
  // An interpreter that cannot tell says so when it imports the application.
  return status !== NOT_FOUND;
}
