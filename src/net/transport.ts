/**
 * How the program reaches the network and its own processes. Two implementations:
 * `epoll-transport.ts` and `node-transport.ts`. `open-transport.ts` chooses.
 */
import type { ChildProcess } from "node:child_process";
import type { BindAddress } from "./bind-address.ts";
import type { ByteStream } from "./byte-stream.ts";
import type { FileIdentity } from "./unix-socket-file.ts";
import type { SocketAddress } from "../os/socket-address.ts";
import type { PortSharing } from "../os/sockets.ts";

export interface Transport {
  readonly name: "epoll" | "node";
  /**
   * Where files with request content must lie and keep their names, because no descriptor can be
   * sent to a worker; whatever is in this folder goes with the program. Null where they need no
   * name, and while there is no worker yet.
   */
  readonly namedFileFolder: string | null;

  /**
   * Binds and listens; does not accept before `Listener.start`.
   *
   * @param portSharing `none` where it is not given, which is all that can be asked of `node`
   * @throws {OperatorError} exit status 1: one line with the address and the remedy
   */
  listen(address: BindAddress, backlog: number, portSharing?: PortSharing): Promise<Listener>;

  /**
   * Takes over a listening socket that the process was started with, or that another process
   * accepts from as well; does not accept before `Listener.start`.
   *
   * @param file the file that names it and that is to be removed at the end; null where there is
   *   none, or it is somebody else's
   * @throws {OperatorError} exit status 1: it is no listening stream socket
   */
  adopt(descriptor: number, backlog: number, file: FileIdentity | null): Promise<Listener>;

  /**
   * Runs `task` once, at the end of the present turn of the event loop: after every event that the
   * kernel had ready was handled, before waiting again. Called outside a turn (from a timer, a
   * promise), it runs soon after. Used to send everything that one turn produced with one system
   * call.
   */
  atTurnEnd(task: () => void): void;

  /**
   * Makes what must be there before any worker: once this process is the user that it remains.
   *
   * @throws {OperatorError} exit status 1: there is no place for it
   */
  prepare(): Promise<void>;

  /** Starts a program whose descriptor 3 is one end of a fresh stream; ours is `control`. */
  spawn(command: string, args: readonly string[], options: SpawnOptions): SpawnedProcess;

  /**
   * Makes a link for a worker that does not exist yet: something that can be handed to its parent
   * over that parent's control stream, and that becomes a byte stream to the worker.
   */
  createWorkerLink(): Promise<WorkerLink>;

  /** Closes everything that is still open. Idempotent. */
  close(): void;
}

export interface SpawnOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface SpawnedProcess {
  readonly child: ChildProcess;
  readonly control: ByteStream;
}

export interface Listener {
  /** The address in use; where port 0 was asked for, with the port that the kernel chose. */
  readonly address: SocketAddress;
  /**
   * The bound that the kernel applies to the accept queue: the smaller of `backlog` and
   * `somaxconn`.
   */
  readonly effectiveBacklog: number;
  /** The file that names a Unix socket; null for other sockets. */
  readonly file: FileIdentity | null;
  /** For a child to inherit; null where it cannot be known. */
  readonly descriptor: number | null;
  /**
   * Whether another process accepts from the same socket, now or soon: then `stop` leaves it what
   * waits in the kernel's queue, and the file.
   */
  shared: boolean;
  /** Begins to accept; `onStream` is called for each connection and sets the stream's handler. */
  start(onStream: (stream: ByteStream) => void): void;
  /**
   * Accepts what waits in the kernel's queue, then closes the listening socket and removes its
   * socket file (see {@link shared}). A transport that cannot accept at once calls `onStream` until
   * {@link stopped} resolves.
   */
  stop(): void;
  /** Resolves when `stop` has accepted everything; `onStream` is not called afterwards. */
  readonly stopped: Promise<void>;
}

export interface WorkerLink {
  /**
   * What the zygote must be told, as a JSON value: `{"kind":"descriptors"}` (two of them travel
   * with the message: the channel, and the socket over which other descriptors come) or
   * `{"kind":"path","path":...,"token":...}`.
   */
  readonly offer:
    | { readonly kind: "descriptors" }
    | { readonly kind: "path"; readonly path: string; readonly token: string };
  /**
   * Sends `message` over the control stream with whatever the offer needs attached, and closes our
   * copies of it.
   */
  sendOffer(control: ByteStream, message: Uint8Array): void;
  /** Called once, when the worker's stream exists; at once where it already does. */
  onStream(callback: (stream: ByteStream) => void): void;
  /**
   * Makes an open file of the gateway reachable by the worker, and returns how the request names
   * it: null when a descriptor was sent ahead of the request, or a path that the worker opens.
   */
  passFile(file: { readonly descriptor: number; readonly path: string | null }): string | null;
  /**
   * Answers a worker that has asked for a client's socket. A worker whose link is a path does not
   * ask.
   *
   * @param descriptor null for no
   * @param isChunked  whether what it sends there has to leave in chunks
   */
  passSocket(descriptor: number | null, isChunked: boolean): void;
  /**
   * Sends a client's socket ahead of the request whose content it brings. Nobody does so where the
   * link is a path.
   *
   * @param descriptor null where it is closed by now
   */
  passContentSocket(descriptor: number | null): void;
  close(): void;
}
