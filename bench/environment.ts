/**
 * What a comparison needs on the machine: wrk, and a virtual environment with the peers, made at
 * the first run. Peers that cannot be installed are left out of the table and named below it.
 */
import { execFileSync, spawnSync } from "node:child_process";
import path from "node:path";
import { ENVIRONMENT_FOLDER, PROJECT_FOLDER, type ServerName } from "./servers.ts";

const PYTHON = path.join(ENVIRONMENT_FOLDER, "bin", "python3");
const APT_TIMEOUT_MS = 180_000;

export interface Environment {
  /** Why a server is left out, in a sentence. */
  readonly leftOut: ReadonlyMap<ServerName, string>;
  /** By distribution. */
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * @throws {Error} when the virtual environment cannot be made, or wrk is missing and cannot be
 * installed
 */
export function prepareEnvironment(): Environment {
  sh("scripts/install-system-programs");
  if (!succeeds("wrk", ["--version"], [0, 1]))
    throw new Error("wrk is missing: install Debian's package of that name");
  sh("scripts/python-environment", "bench", "bench/requirements.txt");
  const leftOut = new Map<ServerName, string>();
  if (!installBjoern()) {
    leftOut.set(
      "bjoern",
      "bjoern is left out: it is compiled here, and needs a C compiler and libev-dev.",
    );
  }
  return { leftOut, versions: installedVersions() };
}

function installBjoern(): boolean {
  if (succeeds(PYTHON, ["-c", "import bjoern"])) return true;
  if (pipInstall("bench/requirements-bjoern.txt")) return true;
  if (process.getuid?.() !== 0 || !succeeds("apt-get", ["--version"])) return false;
  process.stderr.write("Installing Debian packages: gcc libev-dev ...\n");
  succeeds("apt-get", ["update", "-qq"]);
  succeeds("apt-get", [
    "install",
    "-y",
    "-qq",
    "--no-install-recommends",
    "gcc",
    "libc6-dev",
    "libev-dev",
  ]);
  return pipInstall("bench/requirements-bjoern.txt");
}

function pipInstall(requirements: string): boolean {
  const args = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "-r",
    requirements,
  ];
  return succeeds(PYTHON, args);
}

function installedVersions(): Record<string, string> {
  const list = execFileSync(
    PYTHON,
    ["-m", "pip", "--disable-pip-version-check", "list", "--format=json"],
    {
      encoding: "utf8",
    },
  );
  const found = JSON.parse(list) as { name: string; version: string }[];
  return Object.fromEntries(found.map(({ name, version }) => [name.toLowerCase(), version]));
}

function sh(...args: readonly string[]): void {
  execFileSync("sh", args, { cwd: PROJECT_FOLDER, stdio: ["ignore", "ignore", "inherit"] });
}

function succeeds(
  program: string,
  args: readonly string[],
  statuses: readonly number[] = [0],
): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status } = spawnSync(program, args, {
    cwd: PROJECT_FOLDER,
    env,
    stdio: "ignore",
    timeout: APT_TIMEOUT_MS,
  });
  return status !== null && statuses.includes(status);
}
