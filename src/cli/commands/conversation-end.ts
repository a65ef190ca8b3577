/**
 * Why a conversation over the control socket has ended without an answer, in words.
 */
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
