/**
 * Writes down what an answer's receiver was told, and fails the test when it is told anything after
 * the end.
 */
import assert from "node:assert/strict";

import type { AnswerFailure, AnswerSink } from "../../src/workers/application-request.ts";

export class RecordingSink implements AnswerSink {
  status: number | null = null;
  contentLength: number | null = null;
  /** Heads of the interim answers, in order. */
  readonly interim: string[] = [];
  head = "";
  content = "";
  failure: AnswerFailure | "application-aborted" | null = null;
  /** Whole answers and failures: one, once it is over. */
  outcomes = 0;
  /** Called before each event, for tests that act in the middle of an answer. */
  onEvent: () => void = () => {};

  get ended(): boolean {
    return this.outcomes > 0;
  }

  onAnswerInterim(status: number, bytes: Buffer, headStart: number, headEnd: number): void {
    this.#expectOpen("an interim answer");
    assert.equal(this.status, null, "an interim answer comes before the head");
    const head = bytes.toString("latin1", headStart, headEnd);
    assert.equal(Number(head.slice(0, 3)), status);
    this.interim.push(head);
  }

  onAnswerHead(
    status: number,
    contentLength: number | null,
    bytes: Buffer,
    headStart: number,
    headEnd: number,
    contentEnd: number,
    complete: boolean,
  ): void {
    this.#expectOpen("a head");
    assert.equal(this.status, null, "one head for one answer");
    this.status = status;
    this.contentLength = contentLength;
    this.head = bytes.toString("latin1", headStart, headEnd);
    this.content = bytes.toString("latin1", headEnd, contentEnd);
    if (complete) this.outcomes++;
  }

  onAnswerContent(bytes: Buffer, start: number, end: number): void {
    this.#expectOpen("content");
    assert.notEqual(this.status, null, "the head comes first");
    this.content += bytes.toString("latin1", start, end);
  }

  onAnswerEnd(): void {
    this.#expectOpen("an end");
    this.outcomes++;
  }

  onAnswerFailure(failure: AnswerFailure | "application-aborted"): void {
    this.#expectOpen("a failure");
    this.failure = failure;
    this.outcomes++;
  }

  #expectOpen(what: string): void {
    assert.equal(this.outcomes, 0, `${what} after the end`);
    this.onEvent();
  }
}
