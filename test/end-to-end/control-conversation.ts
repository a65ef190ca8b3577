/**
 * The control socket as a program of somebody else's would speak to it: one line of JSON, and lines
 * of JSON back. Shares no code with the server.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { createInterface } from "node:readline";
import type { ObservedMoment } from "../../src/server/control/observe-command.ts";

export interface Answer {
  readonly kind: string;
  readonly result?: unknown;
  readonly why?: string;
}

/** The answers to one request, until the other side closes or the caller leaves off. */
export async function* converse(
  path: string,
  command: string,
  args: Readonly<Record<string, unknown>> = {},
): AsyncGenerator<Answer, void, undefined> {
  const socket = net.connect(path);
  try {
    await once(socket, "connect");
    socket.write(`${JSON.stringify({ version: 1, command, arguments: args })}\n`);
    for await (const line of createInterface({ input: socket })) yield JSON.parse(line) as Answer;
  } finally {
    socket.destroy();
  }
}

/** The first answer. */
export async function ask(
  path: string,
  command: string,
  args: Readonly<Record<string, unknown>> = {},
): Promise<Answer> {
  const answers = converse(path, command, args);
  try {
    const { value } = await answers.next();
    assert.ok(value !== undefined, `no answer to ${command}`);
    return value;
  } finally {
    await answers.return();
  }
}

/** What there is to see now. */
export async function observe(path: string): Promise<ObservedMoment> {
  const answer = await ask(path, "observe");
  assert.equal(answer.kind, "progress", JSON.stringify(answer));
  return answer.result as ObservedMoment;
}

/**
 * Looks again and again until it is so.
 *
 * @throws {AssertionError} with what was seen last
 */
export async function observeUntil(
  path: string,
  what: string,
  holds: (moment: ObservedMoment) => boolean,
): Promise<ObservedMoment> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const moment = await observe(path);
    if (holds(moment)) return moment;
    assert.ok(performance.now() < deadline, `in vain: ${what}\n${JSON.stringify(moment, null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
