import assert from "node:assert/strict";
import { test } from "node:test";

import { LINES_PER_MINUTE_MAX } from "../../src/base/line-quota.ts";
import { ErrorPages } from "../../src/http/error-page.ts";
import { violation } from "../../src/http1/violations.ts";
import {
  contentFailure,
  failureAnswer,
  FAILURES,
  type RequestFailure,
} from "../../src/server/failure-answer.ts";
import { FailureReport } from "../../src/server/failure-report.ts";
import { ReceivedRequest } from "../../src/server/received-request.ts";
import { PROVENANCE, requestHead } from "../handlers/request-head.ts";
import { RecordingLog } from "./connection-fixture.ts";

const HEAD = requestHead("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n");
const REQUEST = { id: "id-1", head: HEAD };

function textOf(failure: RequestFailure, format: "text" | "json" = "text"): string {
  const { bytes } = failureAnswer(new ErrorPages(format, null), failure, REQUEST, 7);
  return bytes.toString("latin1");
}

test("each failure has its status, its id, and when to come again where that helps", () => {
  for (const [failure, { status, detail }] of Object.entries(FAILURES)) {
    const text = textOf(failure as RequestFailure);
    assert.ok(text.startsWith(`${status} `), failure);
    assert.match(text, /^X-Request-ID: id-1\r$/m);
    assert.equal(/^Retry-After: 7\r$/m.test(text), status === 503, failure);
    assert.ok(text.endsWith(`\n${detail}\nRequest ID: id-1\n`), text);
  }
  const json = textOf("timed-out", "json");
  const problem: unknown = JSON.parse(json.slice(json.indexOf("\r\n{") + 2));
  assert.deepEqual(problem, {
    status: 504,
    title: "Gateway Timeout",
    detail: FAILURES["timed-out"].detail,
    requestId: "id-1",
  });
});

test("a content that cannot be kept: no space is 507, no descriptor passes", () => {
  const failed = (code: string): RequestFailure =>
    contentFailure(Object.assign(new Error(code), { code }));
  assert.equal(failed("ENOSPC"), "content-not-kept");
  assert.equal(failed("EROFS"), "content-not-kept");
  assert.equal(failed("EMFILE"), "no-descriptor");
  assert.equal(failed("ENFILE"), "no-descriptor");
});

test("the log has the id and the request line of each", () => {
  const log = new RecordingLog();
  new FailureReport(log).add("worker-exited", REQUEST, 0, "a cause");
  assert.deepEqual(log.lines, [
    'error a request failed {"requestId":"id-1","request":"GET /a?b","status":502,' +
      '"failure":"worker-exited","cause":"a cause"}',
  ]);
});

test("floods have a bound of lines, and the next minute says what was left out", () => {
  const log = new RecordingLog();
  const report = new FailureReport(log);
  for (let count = 0; count < 1_000; count++) report.add("queue-full", REQUEST, 5);
  assert.equal(log.lines.length, LINES_PER_MINUTE_MAX);
  report.add("application-error", REQUEST, 5);
  assert.equal(log.lines.length, LINES_PER_MINUTE_MAX + 1, "others are not left out");
  report.add("queue-full", REQUEST, 60_005);
  const leftOut = 1_000 - LINES_PER_MINUTE_MAX;
  assert.match(log.lines.at(-1) ?? "", new RegExp(`"leftOut":${leftOut}`));
  report.add("queue-full", REQUEST, 60_006);
  assert.doesNotMatch(log.lines.at(-1) ?? "", /leftOut/);
});

test("what is no request has a bound of its own", () => {
  const log = new RecordingLog();
  const report = new FailureReport(log);
  const error = violation("BARE_LF");
  for (let count = 0; count < 1_000; count++) report.addRefused(error, 5);
  assert.equal(log.lines.length, LINES_PER_MINUTE_MAX);
  report.add("queue-full", REQUEST, 5);
  assert.match(log.lines.at(-1) ?? "", /"queue-full"/);
  report.addRefused(error, 60_005);
  assert.match(log.lines.at(-1) ?? "", new RegExp(`"leftOut":${1_000 - LINES_PER_MINUTE_MAX}`));
});

test("a request has one id, whoever asks for it and however often", () => {
  const [one, other] = [1, 2].map(() => new ReceivedRequest(HEAD, PROVENANCE));
  assert.match(one?.id ?? "", /^[\da-f-]{36}$/);
  assert.equal(one?.id, one?.id);
  assert.notEqual(one?.id, other?.id);
  const named = new ReceivedRequest(HEAD, { ...PROVENANCE, requestId: "the-proxy-s" });
  assert.equal(named.id, "the-proxy-s");
});
