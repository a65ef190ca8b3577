/**
 * The transport over our own system calls: sockets by socket(2), events by epoll(7), descriptors
 * for workers by SCM_RIGHTS. Linux only.
 */
import { spawn } from "node:child_process";
import { SystemCallError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { EAGAIN, ECONNREFUSED, ENOENT } from "../os/errno.ts";
import type { SystemLibraries } from "../os/libc.ts";
import type { SocketAddress } from "../os/socket-address.ts";
import {
  localAddressOf,
  objectionToListening,
  openListeningSocket,
  openSocketPair,
  type PortSharing,
  probeUnixSocket,
  takeOverListeningSocket,
} from "../os/sockets.ts";
import { effectiveBacklog, leavesIPv4Alone } from "./accept-queue.ts";
import { type BindAddress, resolveBindAddress } from "./bind-address.ts";
import { EpollListener } from "./epoll-listener.ts";
import { EpollStream, type EpollStreamContext } from "./epoll-stream.ts";
import { epollStreamContext } from "./epoll-stream-context.ts";
import { EpollWorkerLink } from "./epoll-worker-link.ts";
import { cannotAdopt, listenError } from "./listen-error.ts";
import type { ReactorKind } from "./reactor.ts";
import type { Listener, SpawnedProcess, SpawnOptions, Transport, WorkerLink } from "./transport.ts";
import {
  type FileIdentity,
  identifyFile,
  inspectSocketPath,
  nameOf,
  removeStaleSocket,
} from "./unix-socket-file.ts";

/**
 * What the kernel is asked to hold for a worker in each direction; it grants at most
 * net.core.wmem_max.
 */
const CHANNEL_BUFFER_BYTES = 1_048_576;
/** A socket pair has no name on either side. */
const UNNAMED: SocketAddress = { family: "unix", path: "" };

export class EpollTransport implements Transport {
  readonly name = "epoll";
  readonly namedFileFolder = null;
  readonly #log: Log;
  readonly #context: EpollStreamContext;
  readonly #listeners = new Set<EpollListener>();
  #closed = false;

  /**
   * @param kind `waiting` for one in a process
   * @param onFatal takes what is thrown inside the reactor, where it cannot be thrown further
   * @throws {SystemCallError} EMFILE, ENFILE, ENOMEM
   */
  constructor(
    libraries: SystemLibraries,
    kind: ReactorKind,
    log: Log,
    onFatal: (error: unknown) => void,
  ) {
    this.#log = log;
    this.#context = epollStreamContext(libraries, kind, onFatal);
  }

  async listen(
    address: BindAddress,
    backlog: number,
    portSharing: PortSharing = "none",
  ): Promise<Listener> {
    if (address.kind === "descriptor") return this.adopt(address.descriptor, backlog, null);
    const { libc } = this.#context;
    const wanted = await resolveBindAddress(address);
    if (wanted.family === "unix") this.#clearSocketPath(wanted.path);
    let fd: number;
    try {
      fd = openListeningSocket(libc, wanted, {
        backlog,
        ipv6Only: leavesIPv4Alone(wanted, this.#listeners),
        portSharing: wanted.family === "unix" ? "none" : portSharing,
      });
    } catch (error) {
      if (error instanceof SystemCallError) throw listenError(wanted, error.code);
      throw error;
    }
    const file = wanted.family === "unix" ? identifyFile(wanted.path) : null;
    const bound = wanted.family === "unix" ? wanted : localAddressOf(libc, fd);
    return this.#listenerOf(fd, bound, backlog, file);
  }

  async adopt(descriptor: number, backlog: number, file: FileIdentity | null): Promise<Listener> {
    const { libc } = this.#context;
    const objection = objectionToListening(libc, descriptor);
    if (objection !== null) throw cannotAdopt(descriptor, objection);
    takeOverListeningSocket(libc, descriptor, backlog);
    const bound = nameOf(file) ?? localAddressOf(libc, descriptor);
    return this.#listenerOf(descriptor, bound, backlog, file);
  }

  atTurnEnd(task: () => void): void {
    this.#context.reactor.atTurnEnd(task);
  }

  async prepare(): Promise<void> {}

  spawn(command: string, args: readonly string[], options: SpawnOptions): SpawnedProcess {
    const { libc } = this.#context;
    const [ours, theirs] = openSocketPair(libc, null);
    try {
      const { cwd, env } = options;
      const child = spawn(command, args, {
        cwd,
        env,
        stdio: ["ignore", "inherit", "inherit", theirs],
      });
      return { child, control: new EpollStream(this.#context, ours, UNNAMED, UNNAMED, true) };
    } catch (error) {
      libc.close(ours);
      throw error;
    } finally {
      // The child has its own by now; with ours open, we would never see it close.
      libc.close(theirs);
    }
  }

  async createWorkerLink(): Promise<WorkerLink> {
    const { libc } = this.#context;
    const channel = openSocketPair(libc, CHANNEL_BUFFER_BYTES);
    let files: [number, number];
    try {
      files = openSocketPair(libc, null);
    } catch (error) {
      for (const fd of channel) libc.close(fd);
      throw error;
    }
    const stream = new EpollStream(this.#context, channel[0], UNNAMED, UNNAMED, true);
    const fileStream = new EpollStream(this.#context, files[0], UNNAMED, UNNAMED, true);
    return new EpollWorkerLink(libc, stream, fileStream, [channel[1], files[1]]);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#listeners) listener.stop();
    for (const stream of this.#context.streams) stream.close();
    this.#context.reactor.close();
  }

  #listenerOf(
    fd: number,
    bound: SocketAddress,
    backlog: number,
    file: FileIdentity | null,
  ): EpollListener {
    const granted = effectiveBacklog(backlog);
    const listener = new EpollListener(this.#context, this.#log, fd, bound, granted, file);
    this.#listeners.add(listener);
    return listener;
  }

  #clearSocketPath(path: string): void {
    if (inspectSocketPath(path) === "absent") return;
    const errno = probeUnixSocket(this.#context.libc, path);
    if (errno === ECONNREFUSED || errno === ENOENT) removeStaleSocket(path, "refused");
    // EAGAIN: the queue of one that listens is full.
    else removeStaleSocket(path, errno === 0 || errno === EAGAIN ? "alive" : "failed");
  }
}
