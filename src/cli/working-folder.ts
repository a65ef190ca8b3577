/**
 * The folder in which the program was started, by the name that its starter knows it by.
 */
import { statSync } from "node:fs";

/**
 * Who deploys by moving a symbolic link starts the program below it, and expects new code to be
 * found where the link leads then. The system knows only where it led at the start; the shell says
 * which way it came, in PWD, which is believed where it leads to the same folder.
 */
export function workingFolder({ PWD }: NodeJS.ProcessEnv): string {
  const folder = process.cwd();
  if (PWD === undefined || !PWD.startsWith("/")) return folder;
  const [named, present] = [PWD, "."].map((path) => statSync(path, { throwIfNoEntry: false }));
  const isSame = named?.dev === present?.dev && named?.ino === present?.ino;
  return isSame && named !== undefined ? PWD : folder;
}
