/**
 * Finds the interpreter that the application runs in: `--python`, else the active virtual
 * environment, else `.venv` in the working folder, else `python3` on the path.
 */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import path from "node:path";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";

export interface PythonInterpreter {
  /**
   * As it will be started: not resolved through links, because a virtual environment lies in the
   * link's folder.
   */
  readonly command: string;
  /** Where the choice came from, for the start-up lines. */
  readonly origin: string;
}

/**
 * @param asked  the option's value: a path, or a name to be looked up on the path
 * @param folder the application's working folder, absolute
 * @throws {OperatorError} exit status 2: there is none, or the one asked for does not exist
 */
export function findPython(
  asked: string | null,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): PythonInterpreter {
  const searchPath = env["PATH"] ?? "";
  if (asked !== null) {
    const command = asked.includes("/") ? path.resolve(asked) : onPath(asked, searchPath);
    if (command !== null && isExecutable(command)) return { command, origin: "--python" };
    const why =
      command !== null && existsSync(command) ? "it is no program" : "there is no such program";
    throw new OperatorError(
      EXIT_STATUS.usage,
      `--python ${asked}: ${why}; give the path of a Python 3.9 or later`,
    );
  }
  const active = env["VIRTUAL_ENV"];
  if (active !== undefined && active !== "") {
    const command = path.join(active, "bin", "python");
    if (isExecutable(command)) return { command, origin: "the active virtual environment" };
    throw new OperatorError(
      EXIT_STATUS.usage,
      `VIRTUAL_ENV names ${active}, which has no bin/python; deactivate it or give --python`,
    );
  }
  const local = path.join(folder, ".venv", "bin", "python");
  if (isExecutable(local)) return { command: local, origin: ".venv of the working folder" };
  const found = onPath("python3", searchPath);
  if (found !== null) return { command: found, origin: "python3 on the PATH" };
  throw new OperatorError(
    EXIT_STATUS.usage,
    "no Python was found: neither a virtual environment nor python3 on the PATH; give --python",
  );
}

function onPath(name: string, searchPath: string): string | null {
  for (const folder of searchPath.split(path.delimiter)) {
    const candidate = path.join(folder === "" ? "." : folder, name);
    if (isExecutable(candidate)) return path.resolve(candidate);
  }
  return null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
