/**
 * Connections by the thousand, of somebody who means no good. Owns them; what is sent on them is
 * for the test to say.
 */
import net from "node:net";

/** Opened at a time, so that the flood itself is not what fails. */
const OPENED_AT_ONCE = 250;
/** Descriptors of this process that are not the flood's. */
const OTHER_DESCRIPTORS = 500;

export class Flood implements Disposable {
  readonly sockets: net.Socket[] = [];
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /**
   * @param source an address of the loopback network of its own, so that not all ports of one are
   *   used up
   */
  async open(count: number, source = "127.0.0.1"): Promise<net.Socket[]> {
    const opened: net.Socket[] = [];
    while (opened.length < count) {
      const batch = Array.from({ length: Math.min(OPENED_AT_ONCE, count - opened.length) }, () =>
        this.#connect(source),
      );
      opened.push(...(await Promise.all(batch)));
    }
    return opened;
  }

  [Symbol.dispose](): void {
    for (const socket of this.sockets) socket.destroy();
  }

  #connect(source: string): Promise<net.Socket> {
    const socket = net.connect({ port: this.#port, host: "127.0.0.1", localAddress: source });
    this.sockets.push(socket);
    socket.on("error", () => {});
    return new Promise((resolve, reject) => {
      socket.once("connect", () => resolve(socket)).once("error", reject);
    });
  }
}

/** How many connections this process can have open besides its other files. */
export function connectionsPossible(wanted: number): number {
  const report = process.report.getReport() as { userLimits?: Record<string, { soft?: unknown }> };
  const limit = Number(report.userLimits?.["open_files"]?.soft);
  const possible = Number.isFinite(limit) ? Math.min(wanted, limit - OTHER_DESCRIPTORS) : wanted;
  if (possible < wanted) {
    process.stderr.write(`${possible} connections in place of ${wanted}: no more descriptors\n`);
  }
  return possible;
}

/** The first line that the server sends. */
export function firstLine(socket: net.Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      if (text.includes("\r\n")) resolve(text.slice(0, text.indexOf("\r\n")));
    });
    socket.on("close", () => resolve(text));
  });
}
