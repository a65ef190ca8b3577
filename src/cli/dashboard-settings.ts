/**
 * From options to the live page. Owns what is refused.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Options } from "../options/registry.ts";
import { realClock } from "../os/real-clock.ts";
import type { ControlCommands } from "../server/control/control-commands.ts";
import type { Dashboard } from "../server/dashboard/dashboard.ts";
import type { Observed } from "../server/observation/snapshot.ts";
import { readAddress } from "./observation-settings.ts";

/**
 * @returns null where none is wanted
 * @throws {OperatorError} exit status 2: the address is none, or others could reach it without a
 *   token
 */
export async function dashboard(
  options: Options,
  observed: Observed,
  commands: ControlCommands,
  isSuccessor: boolean,
  log: Log,
): Promise<Dashboard | null> {
  const token = options.dashboardToken;
  if (options.dashboard === null) return null;
  // With it comes `node:http`, which takes longer to load than most of this program.
  const { Dashboard, dashboardObjection } = await import("../server/dashboard/dashboard.ts");
  const address = readAddress("--dashboard", options.dashboard);
  const objection = dashboardObjection(address, token);
  if (objection !== null) {
    throw new OperatorError(EXIT_STATUS.usage, `--dashboard: ${objection}`);
  }
  return new Dashboard({ address, observed, commands, token, clock: realClock, isSuccessor }, log);
}
