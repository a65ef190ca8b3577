/**
 * A reporter for Node's test runner that says at the end which tests failed and why, in a few
 * lines each. The whole report is megabytes long, and whoever keeps only its end has to find out.
 */
import type { EventData } from "node:test";
import type { TestEvent } from "node:test/reporters";

/** Of each failure's reason: its beginning, which says what, and its end, which is the newest. */
const REASON_BEGIN_CHARS = 2_000;
const REASON_END_CHARS = 4_000;
/** Failures that are shown; the others are counted. */
const SHOWN_MAX = 20;

export default async function* failures(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failed: EventData.TestFail[] = [];
  for await (const event of source) {
    if (event.type === "test:fail" && isCause(event.data)) failed.push(event.data);
  }
  if (failed.length === 0) return;
  yield `\nFailed: ${failed.length}\n`;
  for (const { name, file, line, details } of failed.slice(0, SHOWN_MAX)) {
    const { error } = details;
    const reason = String(error.cause instanceof Error ? error.cause.stack : error.message);
    yield `\n${file ?? "?"}:${line ?? 0}: ${name}\n${shortened(reason)}\n`;
  }
}

function shortened(reason: string): string {
  if (reason.length <= REASON_BEGIN_CHARS + REASON_END_CHARS) return reason;
  const end = reason.slice(-REASON_END_CHARS);
  return `${reason.slice(0, REASON_BEGIN_CHARS)}\n[...]\n${end}`;
}

/** A suite that fails because a test in it does says nothing new. */
function isCause({ details }: EventData.TestFail): boolean {
  const { failureType } = details.error as Error & { failureType?: string };
  return failureType !== "subtestsFailed";
}
