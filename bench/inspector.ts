/**
 * Asks a Node.js process about its own memory through its inspector, so that it needs no code for
 * that: started with NODE_OPTIONS=--inspect=127.0.0.1:0, it says on standard error where to ask.
 *
 * Owns the connection. Must not know what the process does.
 */

/** What `process.memoryUsage()` says, in bytes. */
export interface MemoryUsage {
  readonly rss: number;
  readonly heapUsed: number;
  readonly heapTotal: number;
  readonly external: number;
  readonly arrayBuffers: number;
}

interface Reply {
  readonly id: number;
  readonly result?: { readonly result?: { readonly value?: unknown } };
  readonly error?: { readonly message: string };
}

/** Sets NODE_OPTIONS so that {@link inspectorUrl} finds something. */
export const INSPECTED = "--inspect=127.0.0.1:0";

/** Where a process that was started with {@link INSPECTED} can be asked, by its standard error. */
export function inspectorUrl(stderr: string): string | null {
  return /ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/.exec(stderr)?.[0] ?? null;
}

export class Inspector implements Disposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Reply>>();
  #lastId = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      this.#waiting.get(reply.id)?.resolve(reply);
      this.#waiting.delete(reply.id);
    });
    socket.addEventListener("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the process has ended"));
    });
  }

  static async connect(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    const opened = Promise.withResolvers<void>();
    socket.addEventListener("open", () => opened.resolve());
    socket.addEventListener("error", () => opened.reject(new Error(`cannot be reached: ${url}`)));
    await opened.promise;
    return new Inspector(socket);
  }

  /** Frees what is unreachable. */
  async collectGarbage(): Promise<void> {
    await this.#ask("HeapProfiler.collectGarbage", {});
  }

  async memoryUsage(): Promise<MemoryUsage> {
    const expression = "JSON.stringify(process.memoryUsage())";
    const { result } = await this.#ask("Runtime.evaluate", { expression });
    return JSON.parse(String(result?.result?.value)) as MemoryUsage;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  async #ask(method: string, params: object): Promise<Reply> {
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<Reply>();
    this.#waiting.set(id, waiting);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const reply = await waiting.promise;
    if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
    return reply;
  }
}
