/**
 * The program: argv and environment in, signals in, exit status out. The only place that touches
 * `process`.
 *
 * Holds no logic: it resolves options, builds a gateway of them, prints, and passes signals on.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { openTransport } from "../net/open-transport.ts";
import { helpText } from "../options/help.ts";
import { type ResolvedOptions, resolveOptions } from "../options/resolve.ts";
import { workersForCpus } from "../os/cpu-count.ts";
import { raiseDescriptorLimit } from "../os/descriptors.ts";
import { readOffer } from "../server/gateways/gateway-messages.ts";
import { findPython, type PythonInterpreter } from "../workers/python-interpreter.ts";
import { applicationEnvironment, withoutDashboardToken } from "./application-environment.ts";
import { commandOf, parseCommandArguments } from "./commands/command-arguments.ts";
import { commandHelp } from "./commands/command-help.ts";
import { COMMANDS, type CommandRecord, commandNamed } from "./commands/command-records.ts";
import { StandardOutput } from "./commands/standard-output.ts";
import { ErrorLog, openLog } from "./error-log.ts";
import type { Run } from "./gateway-settings.ts";
import { refuseMistypedCommand, withCommandMeant } from "./mistyped-command.ts";
import { takeUmask } from "./umask.ts";
import { workingFolder } from "./working-folder.ts";
import { parseWorkerRange } from "./worker-settings.ts";
import { startZygoteAhead } from "./zygote-ahead.ts";

/** Standard error as a file; null where it is what the program was started with. */
let errorLog: ErrorLog | null = null;

/** The command that needs no portico. */
const LOAD = "load";
const COMMAND_NAMES = [...COMMANDS.map(({ name }) => name), LOAD];

const ROOT = path.resolve(import.meta.dirname, "..", "..");

function readVersion(): string {
  const description = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
    version: string;
  };
  return description.version;
}

/**
 * @param known the interpreter, where it need not be looked for
 * @returns null where there was only something to print
 */
function prepare(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  readFile: (file: string) => string,
  known: PythonInterpreter | null,
  output: StandardOutput,
): Run | null {
  const version = readVersion();
  const { options, reference } = resolve(argv, env, readFile);
  if (options.help || options.version) {
    output.out(options.help ? helpText(version) : `portico ${version}\n`);
    return null;
  }
  if (reference === null) {
    throw new OperatorError(
      EXIT_STATUS.usage,
      "which application? For instance: portico module:app (portico --help lists the options)",
    );
  }
  if (commandNamed(reference) !== null || reference === LOAD) {
    throw new OperatorError(
      EXIT_STATUS.usage,
      `${reference} is a command and comes first: portico ${reference}; ` +
        `an application of that name is ${reference}:app`,
    );
  }
  const folder = path.resolve(workingFolder(env), options.chdir ?? ".");
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    const why = existsSync(folder) ? "it is no folder" : "there is no such folder";
    throw new OperatorError(EXIT_STATUS.usage, `--chdir ${options.chdir}: ${why}`);
  }
  for (const entry of options.pythonpath) {
    // Python imports from archives as well.
    if (existsSync(entry)) continue;
    throw new OperatorError(EXIT_STATUS.usage, `--pythonpath ${entry}: there is no such folder`);
  }
  const workers = readWorkers(options);
  const pythonEnv = { ...env, ...options.env };
  const interpreter = known ?? findPython(options.python, folder, pythonEnv);
  // Where the interpreter is known, whoever found it has looked for the application, too.
  if (known === null) {
    const { pythonpath } = options;
    const search = { python: interpreter.command, folder, pythonpath, env: pythonEnv };
    refuseMistypedCommand(reference, COMMAND_NAMES, search);
  }
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

function resolve(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  readFile: (file: string) => string,
): ResolvedOptions {
  try {
    return resolveOptions({ argv, env, readFile });
  } catch (error) {
    throw withCommandMeant(error, argv, COMMAND_NAMES);
  }
}

/** Those that are asked for; else one for each CPU, and one for a developer. */
function readWorkers(options: Run["options"]): Run["workers"] {
  const text = options.workers;
  if (text !== "auto") return { range: parseWorkerRange(text), reason: "as asked for" };
  if (options.reload) return { range: { min: 1, max: 1 }, reason: "one is enough with --reload" };
  const { workers, reason } = workersForCpus();
  return { range: { min: workers, max: workers }, reason };
}

/**
 * As the only gateway. The interpreter is started as soon as there is something for it to speak to,
 * and gets itself ready while what serves is imported.
 */
async function serveAlone(run: Run, env: NodeJS.ProcessEnv): Promise<void> {
  const { options } = run;
  takeUmask(options);
  if (options.errorLog !== null) errorLog = ErrorLog.open(options.errorLog);
  const log = openLog(options);
  const transport = openTransport(options.transport, log, "waiting");
  raiseDescriptorLimit(log);
  const zygoteAhead = startZygoteAhead(run, transport, env);
  process.on("exit", () => zygoteAhead?.close());
  const { serve } = await import("./serve.ts");
  await serve(run, env, { log, errorLog, transport, zygoteAhead });
}

/**
 * Asks a portico that runs.
 *
 * @returns the exit status
 */
async function carryOut(
  record: CommandRecord,
  argv: readonly string[],
  output: StandardOutput,
): Promise<number> {
  const args = parseCommandArguments(record, argv);
  if (args.help) {
    output.out(commandHelp(record));
    return EXIT_STATUS.clean;
  }
  const viewer = { env: process.env, uid: process.geteuid?.() ?? 0 };
  if (record.name !== "top") {
    const { runCommand } = await import("./commands/run-command.ts");
    return runCommand(record, args, viewer, output);
  }
  const { runTop } = await import("./commands/top.ts");
  return runTop(args, viewer, { input: process.stdin, terminal: process.stdout, output });
}

/**
 * Puts load on a server. What it needs is only imported for it.
 *
 * @returns the exit status
 */
async function load(argv: readonly string[], { out }: StandardOutput): Promise<number> {
  const { runLoad } = await import("./load/load-command.ts");
  const signals = ["SIGINT", "SIGTERM"] as const;
  return runLoad(argv, {
    version: readVersion(),
    viewer: { env: process.env, uid: process.geteuid?.() ?? 0 },
    out,
    showProgress: process.stderr.isTTY
      ? (line) => void process.stderr.write(`\r${line}\x1b[K`)
      : null,
    onInterrupt: (callback) => {
      for (const signal of signals) process.on(signal, callback);
      return () => {
        for (const signal of signals) process.off(signal, callback);
      };
    },
    exit: (status) => process.exit(status),
  });
}

/**
 * As the only gateway, as the leader of several, or as one of these; what only the latter need is
 * only imported for them.
 */
async function prepareAndServe(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  output: StandardOutput,
): Promise<void> {
  const offer = readOffer(process.env);
  let configText = offer?.configText ?? null;
  const makeRun = (): Run | null =>
    prepare(
      argv,
      env,
      (file) => (configText ??= readFileSync(file, "utf8")),
      offer?.interpreter ?? null,
      output,
    );
  const shownEnv = withoutDashboardToken(env);
  if (offer !== null) {
    const { serveLed } = await import("./gateways/serve-led.ts");
    await serveLed(makeRun, shownEnv, offer);
    return;
  }
  const run = makeRun();
  if (run === null) process.exitCode = await output.end(null, EXIT_STATUS.clean);
  else if (run.options.gateways > 1) {
    const { lead } = await import("./gateways/lead.ts");
    await lead(run, shownEnv, { configText, onErrorLog: (opened) => (errorLog = opened) });
  } else {
    await serveAlone(run, shownEnv);
  }
}

async function main(): Promise<void> {
  // A reader that went away (`portico ... | head`) is no reason to stop serving.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  // Where nobody listens to it, Node takes it as the wish for a debugger, and opens a port.
  process.on("SIGUSR1", () => {});
  try {
    const argv = process.argv.slice(2);
    const output = new StandardOutput(process.stdout, process.stderr);
    if (argv[0] === LOAD) {
      process.exitCode = await output.end(LOAD, await load(argv.slice(1), output));
      return;
    }
    const env = applicationEnvironment(process.env);
    const command = commandOf(argv);
    if (command === null) await prepareAndServe(argv, env, output);
    else process.exitCode = await output.end(command.name, await carryOut(command, argv, output));
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const details = error.details === null ? "" : `${error.details.trimEnd()}\n`;
    const text = `portico: ${error.message}\n${details}`;
    if (errorLog === null) process.stderr.write(text);
    else errorLog.complain(text);
    process.exit(error.exitStatus);
  }
}

await main();
