/**
 * From the options about `--reload` to what the gateway is made with in development. Owns what
 * makes no sense with them, and who is warned of what.
 */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Listener } from "../net/transport.ts";
import type { Options } from "../options/registry.ts";
import { formatAddress } from "../os/socket-address.ts";
import type { DevelopmentSettings } from "../server/development/development.ts";
import { type IncludeGlob, parseIncludeGlob } from "../server/development/watched-paths.ts";

/** How a page knows that it was made by another run of the program. */
const RUN_BYTES = 6;

/**
 * @param reference the application's
 * @param folder its working folder
 * @returns null without `--reload`
 * @throws {OperatorError} exit status 2: something is to be watched, and nothing done about it
 */
export function developmentSettings(
  options: Options,
  reference: string,
  folder: string,
): DevelopmentSettings | null {
  if (!options.reload) {
    if (options.reloadIncludes.length === 0) return null;
    throw new OperatorError(EXIT_STATUS.usage, "--reload-include: only together with --reload");
  }
  const startFolder = path.resolve(".");
  return {
    site: {
      reference,
      folder,
      rootPath: options.rootPath,
      errorFormat: options.errorFormat,
      // Until it is known at the latest what comes of it.
      codeWaitMaxMs: 2 * options.startTimeoutMs,
      run: randomBytes(RUN_BYTES).toString("hex"),
    },
    folders: [folder, ...options.pythonpath.map((entry) => path.resolve(entry))],
    includes: [
      ...options.reloadIncludes.map((text) => parseIncludeGlob(text, startFolder)),
      ...referencedFile(reference, folder),
    ],
  };
}

/** A reference may name a file, which may not be there yet, and may lie anywhere. */
function referencedFile(reference: string, folder: string): IncludeGlob[] {
  const [module = ""] = reference.split(":");
  if (!module.endsWith(".py") && !module.includes("/")) return [];
  const file = path.resolve(folder, module);
  return [{ kind: "path", folder: path.dirname(file), pattern: path.basename(file) }];
}

/** Tracebacks show source code: that should not happen where others can read it unnoticed. */
export function warnOfReaders(listeners: readonly Listener[], log: Log): void {
  for (const { address } of listeners) {
    if (address.family === "unix" || /^(?:127\.|::1$|::ffff:127\.)/.test(address.host)) continue;
    log.warn("--reload shows tracebacks to everybody who can reach this address", {
      address: formatAddress(address),
    });
  }
}
