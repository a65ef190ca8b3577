/**
 * Programs of the system that some tests use, such as wrk. `npm test` installs them where it can
 * (`scripts/install-system-programs`); elsewhere their tests are left out, and each says what to
 * install.
 *
 * Owns the search of PATH. Must not know what the programs are used for.
 */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The Debian package that holds a program, where it is not called the same. */
const PACKAGES: Readonly<Record<string, string>> = {
  ab: "apache2-utils",
  nc: "netcat-openbsd",
  strace: "strace",
  "systemd-analyze": "systemd",
};

/** Programs whose absence was told already: once is enough for a reader. */
const told = new Set<string>();

/** The path of a program on PATH; null where there is none. */
export function findProgram(name: string): string | null {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/**
 * The path of a program that a test needs, or null, after a line on standard error that names the
 * package to install. A test that gets null is not registered, so that nothing counts as passed
 * or skipped that did not run:
 *
 *     const wrk = requireProgram("wrk");
 *     if (wrk !== null) test("...", ...);
 */
export function requireProgram(name: string): string | null {
  const path = findProgram(name);
  if (path === null && !told.has(name)) {
    told.add(name);
    const debianPackage = PACKAGES[name] ?? name;
    process.stderr.write(
      `left out: the tests that need ${name}; install the Debian package ${debianPackage}\n`,
    );
  }
  return path;
}
