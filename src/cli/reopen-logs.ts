/**
 * What USR1 means for this process's own logs.
 */
import type { Log } from "../base/log.ts";
import type { AccessLog } from "../server/access-log/access-log.ts";
import type { ErrorLog } from "./error-log.ts";

/**
 * The files were moved away, and new ones are made in their place.
 *
 * @param errorLog  null where standard error is what the program was started with
 * @param accessLog null where there is none
 * @returns whether there is another error log now, which the processes of this one should have too
 */
export function reopenLogs(
  errorLog: ErrorLog | null,
  accessLog: AccessLog | null,
  log: Log,
): boolean {
  if (errorLog === null && accessLog?.isFile !== true)
    log.info("there is no --error-log and no --access-log to open anew");
  accessLog?.reopen();
  return errorLog?.reopen(log) === true;
}
