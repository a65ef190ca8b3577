/**
 * The transport over `node:net`: for systems without epoll, and wherever koffi cannot be loaded.
 * Correct on all of them, not the fastest.
 */
import { spawn } from "node:child_process";
import { fstatSync, renameSync, rmSync, type Stats } from "node:fs";
import { connect, createServer, type ListenOptions, type Server, type Socket } from "node:net";
import os from "node:os";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { systemLibraries } from "../os/libc.ts";
import { type SocketAddress, UNIX_PATH_MAX_BYTES } from "../os/socket-address.ts";
import { closeOnExec, localAddressOf, objectionToListening } from "../os/sockets.ts";
import { effectiveBacklog, leavesIPv4Alone } from "./accept-queue.ts";
import { type BindAddress, resolveBindAddress } from "./bind-address.ts";
import { cannotAdopt, listenError } from "./listen-error.ts";
import { boundAddress, NodeListener } from "./node-listener.ts";
import { NodeStream } from "./node-stream.ts";
import type { WorkerLinkServer } from "./node-worker-link.ts";
import type { Listener, SpawnedProcess, SpawnOptions, Transport, WorkerLink } from "./transport.ts";
import { TurnEndTasks } from "./turn-end-tasks.ts";
import {
  type FileIdentity,
  identifyFile,
  inspectSocketPath,
  nameOf,
  type ProbeResult,
  removeStaleSocket,
} from "./unix-socket-file.ts";

const SERVER_SETTINGS = { allowHalfOpen: true, noDelay: true };
/** What cannot be asked without our own system calls. */
const UNKNOWN_ADDRESS: SocketAddress = { family: "unix", path: "" };

export class NodeTransport implements Transport {
  readonly name = "node";
  readonly #log: Log;
  readonly #streams = new Set<NodeStream>();
  readonly #listeners = new Set<NodeListener>();
  readonly #tasks = new TurnEndTasks();
  readonly #onFatal: (error: unknown) => void;
  #linkServerOpening: Promise<WorkerLinkServer> | null = null;
  #linkServer: WorkerLinkServer | null = null;
  #tasksArmed = false;
  #closed = false;

  /** @param onFatal takes what a task of a turn's end throws */
  constructor(log: Log, onFatal: (error: unknown) => void) {
    this.#log = log;
    this.#onFatal = onFatal;
  }

  get namedFileFolder(): string | null {
    return this.#linkServer?.folder ?? null;
  }

  async listen(address: BindAddress, backlog: number): Promise<Listener> {
    if (address.kind === "descriptor") return this.adopt(address.descriptor, backlog, null);
    const wanted = await resolveBindAddress(address);
    const server = createServer(SERVER_SETTINGS);
    let file = null;
    let bound = wanted;
    try {
      if (wanted.family === "unix") {
        await clearSocketPath(wanted.path);
        await listenOnPath(server, wanted.path, backlog);
        file = identifyFile(wanted.path);
      } else {
        const { host, port } = wanted;
        await listening(server, {
          host,
          port,
          backlog,
          ipv6Only: leavesIPv4Alone(wanted, this.#listeners),
        });
        bound = boundAddress(server, wanted);
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      server.close();
      if (code === undefined) throw error;
      throw listenError(wanted, code);
    }
    return this.#listenerOf(server, bound, backlog, file, null);
  }

  async adopt(descriptor: number, backlog: number, file: FileIdentity | null): Promise<Listener> {
    const bound = inspectDescriptor(descriptor);
    const server = createServer(SERVER_SETTINGS);
    return this.#listenerOf(server, nameOf(file) ?? bound, backlog, file, descriptor);
  }

  atTurnEnd(task: () => void): void {
    this.#tasks.add(task);
    if (this.#tasksArmed) return;
    this.#tasksArmed = true;
    // Immediates run when the events that were ready have been handled.
    setImmediate(this.#runTasks);
  }

  async prepare(): Promise<void> {
    try {
      await this.#openLinkServer();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      throw new OperatorError(
        EXIT_STATUS.failure,
        `--transport node needs a folder for its sockets, and cannot make one in ${os.tmpdir()} ` +
          `(${code}); set TMPDIR to a folder that this user may write to`,
      );
    }
  }

  spawn(command: string, args: readonly string[], options: SpawnOptions): SpawnedProcess {
    const { cwd, env } = options;
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    });
    const socket = child.stdio[3] as Socket;
    return { child, control: new NodeStream(socket, this.#streams) };
  }

  async createWorkerLink(): Promise<WorkerLink> {
    const server = await this.#openLinkServer();
    return server.createLink();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#listeners) listener.stop();
    for (const stream of this.#streams) stream.close();
    this.#linkServer?.close();
  }

  async #openLinkServer(): Promise<WorkerLinkServer> {
    this.#linkServerOpening ??= openLinkServer(this.#streams);
    const server = await this.#linkServerOpening;
    this.#linkServer = server;
    // Closed while the folder was being made: nobody else would remove it.
    if (this.#closed) server.close();
    return server;
  }

  #listenerOf(
    server: Server,
    bound: SocketAddress,
    backlog: number,
    file: FileIdentity | null,
    adopted: number | null,
  ): NodeListener {
    const granted = effectiveBacklog(backlog);
    const listener = new NodeListener(
      server,
      this.#streams,
      this.#log,
      bound,
      granted,
      file,
      adopted,
    );
    this.#listeners.add(listener);
    return listener;
  }

  readonly #runTasks = (): void => {
    this.#tasks.run(this.#onFatal);
    this.#tasksArmed = !this.#tasks.empty;
    if (this.#tasksArmed) setImmediate(this.#runTasks);
  };
}

async function openLinkServer(streams: Set<NodeStream>): Promise<WorkerLinkServer> {
  // With it comes `node:crypto`, which takes longer to load than the whole transport; every start
  // would pay for it.
  const { WorkerLinkServer } = await import("./node-worker-link.ts");
  return WorkerLinkServer.open(streams);
}

/**
 * Resolves when the server listens; rejects with the error of the call that failed, which has a
 * `code`.
 */
function listening(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/**
 * @returns where the socket is bound; without a name where that cannot be asked
 * @throws {OperatorError} exit status 1: it is no listening stream socket, as far as can be told
 */
function inspectDescriptor(descriptor: number): SocketAddress {
  const libraries = systemLibraries();
  if (!("unavailable" in libraries)) {
    const { libc } = libraries;
    const objection = objectionToListening(libc, descriptor);
    if (objection !== null) throw cannotAdopt(descriptor, objection);
    closeOnExec(libc, descriptor);
    return localAddressOf(libc, descriptor);
  }
  const found = statOf(descriptor);
  if (found === null) throw cannotAdopt(descriptor, "is not open");
  if (!found.isSocket()) throw cannotAdopt(descriptor, "is no socket");
  return UNKNOWN_ADDRESS;
}

function statOf(descriptor: number): Stats | null {
  try {
    return fstatSync(descriptor);
  } catch {
    return null;
  }
}

/**
 * Node removes the name that it has bound when it closes, whoever has that name by then. So it gets
 * one of its own, which is given up at once for the one that was asked for.
 */
async function listenOnPath(server: Server, path: string, backlog: number): Promise<void> {
  const own = `${path}.${process.pid}`;
  if (Buffer.byteLength(own) > UNIX_PATH_MAX_BYTES) {
    await listening(server, { path, backlog });
    return;
  }
  // A process of the same number may have died between the two steps, long ago.
  rmSync(own, { force: true });
  await listening(server, { path: own, backlog });
  renameSync(own, path);
}

async function clearSocketPath(path: string): Promise<void> {
  if (inspectSocketPath(path) === "absent") return;
  const probe = await new Promise<ProbeResult>((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      resolve("alive");
      socket.destroy();
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "ECONNREFUSED" || code === "ENOENT") resolve("refused");
      // The queue of one that listens is full.
      else resolve(code === "EAGAIN" ? "alive" : "failed");
    });
  });
  removeStaleSocket(path, probe);
}
