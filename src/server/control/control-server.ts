/**
 * The control socket: takes connections of the gateway's owner, reads one request from each, and
 * sends what the command answers.
 *
 * Owns the socket, its file and the bounds of a conversation. Must not know any command, nor where
 * the file should lie. `node:net` serves here: nobody waits for it but a person or a script.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Log } from "../../base/log.ts";
import { listenPrivately } from "../../net/private-socket.ts";
import { type FileIdentity, identifyFile, removeIfSame } from "../../net/unix-socket-file.ts";
import {
  type CommandEnd,
  type ControlCall,
  type ControlCommands,
  unknownCommand,
} from "./control-commands.ts";
import {
  type ControlAnswer,
  encodeAnswer,
  LineReader,
  parseRequest,
  REQUEST_MAX_BYTES,
} from "./control-protocol.ts";

/** Conversations at once; one more is closed unheard. */
const CLIENTS_MAX = 16;
/** What a client gets to send its request. */
const REQUEST_TIMEOUT_MS = 5_000;
/** What a client gets to take the last answer. */
const ANSWER_TIMEOUT_MS = 5_000;

type ClientSignals = Pick<ControlCall, "signal" | "ended">;

export class ControlServer {
  readonly #commands: ControlCommands | Promise<ControlCommands>;
  readonly #log: Log;
  readonly #clients = new Set<Socket>();
  /** Clients that wait for the end of this process. */
  readonly #waiting = new Set<Socket>();
  #server: Server | null = null;
  #file: FileIdentity | null = null;
  #closed = false;

  /** @param commands may come later: a client waits for them */
  constructor(commands: ControlCommands | Promise<ControlCommands>, log: Log) {
    this.#commands = commands;
    this.#log = log;
  }

  /**
   * Listens at a path, in place of whatever socket is there.
   *
   * @returns the file that was made; null where it has been closed meanwhile
   * @throws {Error} with the `code` of the call that failed
   */
  async open(path: string): Promise<FileIdentity | null> {
    // A client may say by its end that it has no more to ask, and still wait for the answer.
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#converse(socket));
    server.maxConnections = CLIENTS_MAX;
    await listenPrivately(server, path);
    server.on("error", (error) => {
      this.#log.warn("the control socket takes no connection", { cause: error.message });
    });
    // What keeps the process alive is the gateway.
    server.unref();
    this.#server = server;
    this.#file = identifyFile(path);
    if (this.#closed) this.close();
    return this.#file;
  }

  /**
   * Takes no connection any more, and gives the name up. Who waits for the end of this process goes
   * on waiting for it.
   */
  close(): void {
    this.#closed = true;
    if (this.#file !== null) removeIfSame(this.#file);
    this.#file = null;
    this.#server?.close();
    this.#server = null;
    for (const socket of this.#clients) if (!this.#waiting.has(socket)) socket.destroy();
  }

  #converse(socket: Socket): void {
    this.#clients.add(socket);
    socket.unref();
    const gone = new AbortController();
    const ended = new AbortController();
    const late = setTimeout(() => socket.destroy(), REQUEST_TIMEOUT_MS);
    socket.once("close", () => {
      this.#clients.delete(socket);
      this.#waiting.delete(socket);
      clearTimeout(late);
      gone.abort();
      ended.abort();
    });
    socket.once("end", () => ended.abort());
    // A client that resets its connection has only itself to blame.
    socket.on("error", () => socket.destroy());
    const reader = new LineReader(REQUEST_MAX_BYTES);
    const onData = (bytes: Buffer): void => {
      const lines = reader.push(bytes);
      const line = lines?.[0];
      if (lines !== null && line === undefined) return;
      clearTimeout(late);
      // Whatever else it says is not listened to; but its end is noticed.
      socket.off("data", onData).resume();
      void this.#answer(socket, line ?? null, { signal: gone.signal, ended: ended.signal });
    };
    socket.on("data", onData);
  }

  /** @param line null where it is too long */
  async #answer(socket: Socket, line: string | null, client: ClientSignals): Promise<void> {
    const { answer, afterwards } = await this.#run(socket, line, client);
    send(socket, answer);
    if (afterwards === undefined) {
      socket.end();
      setTimeout(() => socket.destroy(), ANSWER_TIMEOUT_MS).unref();
    } else {
      this.#waiting.add(socket);
      afterwards();
    }
  }

  async #run(
    socket: Socket,
    line: string | null,
    { signal, ended }: ClientSignals,
  ): Promise<CommandEnd> {
    if (line === null) return refusal(`a request is at most ${REQUEST_MAX_BYTES} bytes long`);
    const parsed = parseRequest(line);
    if (parsed.kind === "refused") return refusal(parsed.why);
    const { command, arguments: args } = parsed.request;
    const commands = await this.#commands;
    const run = commands.get(command);
    if (run === undefined) return unknownCommand(commands, command);
    const progress = (result: unknown): void => send(socket, { kind: "progress", result });
    const hasTakenAll = (): boolean => socket.writableLength === 0;
    try {
      return await run({ arguments: args, signal, ended, progress, hasTakenAll });
    } catch (error) {
      this.#log.error("a command over the control socket broke", {
        command,
        cause: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      return { answer: { kind: "failed", result: null, why: String(error), details: null } };
    }
  }
}

/**
 * One line; nothing where the client is gone. A conversation is so short that it is never full, or
 * its command asks whether it is.
 */
function send(socket: Socket, answer: ControlAnswer): void {
  if (!socket.destroyed && socket.writable) socket.write(encodeAnswer(answer));
}

function refusal(why: string): CommandEnd {
  return { answer: { kind: "refused", why } };
}
