/**
 * Why a conversation over the control socket has ended without an answer, in words.
 */
import { escapeForLog } from "../../base/escape.ts";
import type { ConversationEnd } from "./control-client.ts";

/** @returns continues the gateway's name and a colon */
export function conversationEndText(
  end: Exclude<ConversationEnd, { readonly kind: "answered" }>,
): string {
  switch (end.kind) {
    case "nobody":
      return "nobody answers there";
    case "broken":
      return end.why;
    case "too-late":
      return "it did not answer in time";
    default:
      return end satisfies never;
  }
}

/** The complaint where nobody has a gateway's socket, however it was asked. */
export function nobodyThere(gateway: { readonly name: string }): string {
  const where = escapeForLog(gateway.name);
  return `portico: no portico is running there: nobody answers at ${where}\n`;
}
