/**
 * The program: argv and environment in, signals in, exit status out. The only place that touches
 * `process`.
 *
 * Holds no logic: it resolves options, builds a gateway of them, prints, and passes signals on.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { createLog, type Log } from "../base/log.ts";
import { RefusalReport } from "../handlers/refusal-report.ts";
import { openTransport } from "../net/open-transport.ts";
import { helpText } from "../options/help.ts";
import { resolveOptions } from "../options/resolve.ts";
import { workersForCpus } from "../os/cpu-count.ts";
import { raiseDescriptorLimit } from "../os/descriptors.ts";
import { realClock } from "../os/real-clock.ts";
import { formatAddress } from "../os/socket-address.ts";
import { openStandardError } from "../os/standard-error.ts";
import { Gateway } from "../server/gateway.ts";
import { findPython } from "../workers/python-interpreter.ts";
import { gatewaySettings, type Run } from "./gateway-settings.ts";
import { startUpReport } from "./start-up-report.ts";

const ROOT = path.resolve(import.meta.dirname, "..", "..");

function readVersion(): string {
  const description = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
    version: string;
  };
  return description.version;
}

/** @returns null where there was only something to print */
function prepare(argv: readonly string[], env: NodeJS.ProcessEnv): Run | null {
  const version = readVersion();
  const { options, reference } = resolveOptions({
    argv,
    env,
    readFile: (file) => readFileSync(file, "utf8"),
  });
  if (options.help || options.version) {
    process.stdout.write(options.help ? helpText(version) : `portico ${version}\n`);
    return null;
  }
  if (reference === null) {
    throw new OperatorError(
      EXIT_STATUS.usage,
      "which application? For instance: portico module:app (portico --help lists the options)",
    );
  }
  const folder = path.resolve(options.chdir ?? ".");
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new OperatorError(EXIT_STATUS.usage, `--chdir ${options.chdir}: there is no such folder`);
  }
  for (const entry of options.pythonpath) {
    // Python imports from archives as well.
    if (existsSync(entry)) continue;
    throw new OperatorError(EXIT_STATUS.usage, `--pythonpath ${entry}: there is no such folder`);
  }
  const workers =
    options.workers === "auto"
      ? workersForCpus()
      : { workers: options.workers, reason: "as asked for" };
  const interpreter = findPython(options.python, folder, { ...env, ...options.env });
  return {
    options,
    reference,
    folder,
    interpreter,
    pythonProgram: path.join(ROOT, "python", "portico_worker"),
    workers,
    version,
  };
}

/** Serves until a signal says otherwise. */
async function serve(run: Run, env: NodeJS.ProcessEnv): Promise<void> {
  const { options } = run;
  const log = createLog(openStandardError(), realClock, options.quiet ? "warn" : "info");
  const transport = openTransport(options.transport, log);
  raiseDescriptorLimit(log);
  const settings = gatewaySettings(run, transport, env, new RefusalReport(log, realClock));
  const gateway = new Gateway(transport, settings, log, realClock);
  handleSignals(gateway, log);
  const application = await gateway.start().catch((error: unknown) => {
    if (gateway.stopping) return null;
    throw error;
  });
  if (application === null) return;
  const { listeners } = gateway.server;
  const facts = {
    version: run.version,
    application,
    addresses: listeners.map(({ address }) =>
      address.family === "unix" ? formatAddress(address) : `http://${formatAddress(address)}`,
    ),
    gatewayPid: process.pid,
    transport: transport.name,
    workers: run.workers.workers,
    workersReason: run.workers.reason,
    backlog: options.backlog,
    effectiveBacklog: Math.min(...listeners.map((listener) => listener.effectiveBacklog)),
    interpreter: run.interpreter,
  };
  if (!options.quiet) process.stdout.write(startUpReport(facts));
}

/** TERM and INT answer what was accepted, then exit 0; a second INT, or QUIT, ends at once. */
function handleSignals(gateway: Gateway, log: Log): void {
  let interrupted = false;
  const stop = (): void => {
    void gateway.stop().then(() => process.exit(EXIT_STATUS.clean));
  };
  const stopNow = (): void => {
    void gateway.stopNow().then(() => process.exit(EXIT_STATUS.clean));
  };
  process.on("SIGTERM", stop);
  process.on("SIGHUP", stop);
  process.on("SIGQUIT", stopNow);
  process.on("SIGINT", () => {
    if (interrupted) stopNow();
    else stop();
    interrupted = true;
  });
  process.on("uncaughtException", (error) => {
    log.error("the gateway failed", { cause: error.stack ?? String(error) });
    void gateway.stopNow().then(() => process.exit(EXIT_STATUS.failure));
  });
}

async function main(): Promise<void> {
  // A reader that went away (`portico ... | head`) is no reason to stop serving.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  try {
    const run = prepare(process.argv.slice(2), process.env);
    if (run !== null) await serve(run, process.env);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    process.stderr.write(`portico: ${error.message}\n`);
    if (error.details !== null) process.stderr.write(`${error.details.trimEnd()}\n`);
    process.exit(error.exitStatus);
  }
}

await main();
