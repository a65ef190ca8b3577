import assert from "node:assert/strict";
import { test } from "node:test";

import { ErrorPages } from "../../src/http/error-page.ts";
import {
  errorAnswer,
  gatewayAnswer,
  withAddedFields,
  type WrittenAnswer,
} from "../../src/server/gateway-answer.ts";

const PAGES = new ErrorPages("text", null);

function headOf(answer: WrittenAnswer): string {
  return answer.bytes.toString("latin1", answer.headStart, answer.headEnd);
}

function contentOf(answer: WrittenAnswer): string {
  return answer.bytes.toString("latin1", answer.headEnd, answer.contentEnd);
}

/** An application's answer in the middle of other bytes, as it comes from a worker. */
function applicationAnswer(fields: string, content: string): WrittenAnswer {
  const head = `200 OK\r\n${fields}`;
  const bytes = Buffer.from(`frame ${head}${content} next`, "latin1");
  const headEnd = 6 + head.length;
  const contentEnd = headEnd + content.length;
  return { status: 200, contentLength: null, bytes, headStart: 6, headEnd, contentEnd };
}

test("an error is a page framed by its length; 503 says when to come again", () => {
  const answer = errorAnswer(PAGES, 431, null);
  const content = "431 Request Header Fields Too Large\n";
  assert.equal(contentOf(answer), content);
  assert.equal(answer.contentLength, content.length);
  assert.equal(
    headOf(answer),
    "431 Request Header Fields Too Large\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      "Cache-Control: no-store\r\n" +
      `Content-Length: ${content.length}\r\n`,
  );
  assert.match(headOf(errorAnswer(PAGES, 503, null)), /\r\nRetry-After: 1\r\n/);
});

test("an answer with content of its own has no type but the one it names", () => {
  const empty = gatewayAnswer(PAGES, {
    status: 204,
    fields: "A: b\r\n",
    detail: null,
    content: Buffer.alloc(0),
  });
  assert.equal(headOf(empty), "204 No Content\r\nA: b\r\nContent-Length: 0\r\n");
  assert.equal(contentOf(empty), "");
});

test("added fields stand behind the application's, in place of those that they replace", () => {
  const answer = applicationAnswer("B: 1\r\nX-A: old\r\nx-a: older\r\nX-AB: kept\r\n", "hi");
  const added = withAddedFields(answer, {
    answer: null,
    fields: "X-A: new\r\nC: 2\r\n",
    replacedFields: new Set(["x-a"]),
    vary: [],
  });
  assert.equal(headOf(added), "200 OK\r\nB: 1\r\nX-AB: kept\r\nX-A: new\r\nC: 2\r\n");
  assert.equal(contentOf(added), "hi");
  assert.equal(added.status, 200);
});

test("where nothing is added the answer is left as it is", () => {
  const answer = applicationAnswer("A: b\r\n", "hi");
  const none = { answer: null, fields: "", replacedFields: new Set<string>(), vary: [] };
  assert.equal(withAddedFields(answer, none), answer);
});

test("the names in Vary are added to the application's own, as one line", () => {
  const vary = (lines: string, ...names: readonly string[]): string =>
    headOf(
      withAddedFields(applicationAnswer(lines, "hi"), {
        answer: null,
        fields: "",
        replacedFields: new Set(),
        vary: names,
      }),
    );
  assert.equal(vary("", "Origin", "Origin"), "200 OK\r\nVary: Origin\r\n");
  assert.equal(
    vary("Vary: Cookie\r\nA: b\r\nvary:origin,  Accept\r\n", "Origin", "Sec-Fetch-Site"),
    "200 OK\r\nA: b\r\nVary: Cookie, origin, Accept, Sec-Fetch-Site\r\n",
  );
  assert.equal(vary("Vary: Cookie, *\r\n", "Origin"), "200 OK\r\nVary: *\r\n");
});
