/** Events out of text, however it is cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  EventStreamReader,
  type StreamEvent,
} from "../../../../src/server/dashboard/page/event-stream.ts";

const TEXT = 'event: welcome\ndata: {"a":1}\n\nevent: snapshot\ndata: {"b":"x: y"}\n\n: remark\n\n';
const EVENTS: StreamEvent[] = [
  { name: "welcome", data: '{"a":1}' },
  { name: "snapshot", data: '{"b":"x: y"}' },
  { name: "message", data: "" },
];

test("events are the same in whatever pieces they come", () => {
  for (let length = 1; length <= TEXT.length; length++) {
    const reader = new EventStreamReader();
    const events: StreamEvent[] = [];
    for (let at = 0; at < TEXT.length; at += length) {
      events.push(...reader.push(TEXT.slice(at, at + length)));
    }
    assert.deepEqual(events, EVENTS, `pieces of ${length}`);
  }
});

test("an event that does not end is not waited for", () => {
  const reader = new EventStreamReader();
  assert.throws(() => {
    for (;;) reader.push("x".repeat(1_000_000));
  }, /does not end/);
});
