/**
 * The client's end of the control socket: one request, its answers, and the end of the connection.
 * Knows no command.
 */
import { connect } from "node:net";
import {
  ANSWER_MAX_BYTES,
  type ControlAnswer,
  type ControlRequest,
  encodeRequest,
  LineReader,
  parseAnswer,
} from "../../server/control/control-protocol.ts";

export type ConversationEnd =
  | { readonly kind: "answered"; readonly answer: ControlAnswer }
  /** Nobody listens there. */
  | { readonly kind: "nobody" }
  /** It broke; `why` follows "because". */
  | { readonly kind: "broken"; readonly why: string }
  | { readonly kind: "too-late" };

export interface Conversation {
  /** Settled with the last answer, or when there will be none. */
  readonly end: Promise<ConversationEnd>;
  /** Settled when the other side has closed the connection, or it broke. */
  readonly closed: Promise<void>;
  /** Ends it from here. */
  close(): void;
}

/** What the next answer may take. */
export interface Patience {
  /** Starts anew; null waits without an end. */
  set(boundMs: number | null): void;
}

/**
 * Connects and asks.
 *
 * @param onProgress takes what is answered before the end, and may grant more time
 */
export function converse(
  path: string,
  request: ControlRequest,
  boundMs: number,
  onProgress: (result: unknown, patience: Patience) => void,
): Conversation {
  const { promise: end, resolve } = Promise.withResolvers<ConversationEnd>();
  const closed = Promise.withResolvers<void>();
  const socket = connect(path);
  let timer: NodeJS.Timeout | null = null;
  const patience: Patience = {
    set: (ms) => {
      if (timer !== null) clearTimeout(timer);
      timer = ms === null ? null : setTimeout(() => resolve({ kind: "too-late" }), ms);
    },
  };
  patience.set(boundMs);
  void end.then(() => patience.set(null));
  const reader = new LineReader(ANSWER_MAX_BYTES);
  socket.once("connect", () => socket.write(encodeRequest(request)));
  socket.on("error", ({ code }: NodeJS.ErrnoException) => resolve(whyUnconnected(code)));
  socket.on("data", (bytes: Buffer) => {
    for (const line of reader.push(bytes) ?? [""]) {
      const answer = parseAnswer(line);
      if (answer === null) {
        resolve({ kind: "broken", why: "what it answers is not understood here" });
      } else if (answer.kind === "progress") {
        onProgress(answer.result, patience);
      } else {
        resolve({ kind: "answered", answer });
      }
    }
  });
  socket.once("close", () => {
    resolve({ kind: "broken", why: "it closed the connection before it had answered" });
    closed.resolve();
  });
  return { end, closed: closed.promise, close: () => void socket.destroy() };
}

/** Connects, asks for what is answered at once, and closes the connection. Never rejects. */
export async function askOnce(
  path: string,
  request: ControlRequest,
  boundMs: number,
): Promise<ConversationEnd> {
  const conversation = converse(path, request, boundMs, () => {});
  const end = await conversation.end;
  conversation.close();
  return end;
}

function whyUnconnected(code: string | undefined): ConversationEnd {
  if (code === "ENOENT" || code === "ECONNREFUSED") return { kind: "nobody" };
  if (code === "EACCES" || code === "EPERM") {
    return { kind: "broken", why: "only its own user and root may ask it (no permission)" };
  }
  return { kind: "broken", why: `the connection failed (${code})` };
}
