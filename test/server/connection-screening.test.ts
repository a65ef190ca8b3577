/** What stands in front of the handler: rules that answer by a request's head, or add fields. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Admission, AdmissionRule } from "../../src/handlers/admission.ts";
import type { Provenance } from "../../src/handlers/provenance.ts";
import type { RequestHead } from "../../src/http1/request-head.ts";
import { ConnectionFixture, get, post } from "./connection-fixture.ts";
import { readResponse, readResponses } from "./response-reader.ts";

/** Refuses paths that begin with /no, and adds a field to the answers of those with /add. */
const RULE: AdmissionRule = {
  admit(head: RequestHead): Admission | null {
    const refused = head.path.startsWith("/no");
    if (!refused && !head.path.startsWith("/add")) return null;
    const answer = { status: 403, fields: "X-Why: rule\r\n", detail: "not here", content: null };
    return {
      answer: refused ? answer : null,
      fields: "X-Added: yes\r\n",
      replacedFields: new Set(["content-language"]),
      vary: [],
    };
  },
};

test("a rule that answers keeps the request from the handler; the connection goes on", () => {
  const fixture = new ConnectionFixture({}, [RULE]);
  fixture.client.deliver(get("/no") + get("/yes"));
  assert.deepEqual(
    fixture.handler.answers.map(({ path }) => path),
    ["/yes"],
  );
  fixture.handler.answerAt(0).answer("fine");
  const [refused, served] = readResponses(fixture.received, "GET", "GET");
  assert.equal(refused?.status, 403);
  assert.equal(refused.content, "403 Forbidden\nnot here\n");
  assert.equal(refused.fields.get("x-why"), "rule");
  assert.equal(refused.fields.get("x-added"), "yes");
  assert.equal(served?.content, "fine");
  assert.equal(served.fields.get("x-added"), undefined);
});

test("a refused request's content is not waited for: the answer leaves, and it closes", () => {
  for (const framing of [
    "Content-Length: 5\r\n",
    "Content-Length: 65537\r\n",
    "Transfer-Encoding: chunked\r\n",
  ]) {
    const fixture = new ConnectionFixture({}, [RULE]);
    fixture.client.deliver(
      `POST /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${framing}\r\n`,
    );
    const refused = readResponse(fixture.received);
    assert.equal(refused.status, 403, "and no 100 before it");
    assert.equal(refused.fields.get("connection"), "close");
    assert.ok(fixture.client.sawEnd);
    fixture.client.deliver(get("/yes"));
    assert.equal(fixture.handler.answers.length, 0, "what follows is dropped");
  }
});

test("a small content is taken and dropped, and the connection goes on", () => {
  for (const content of ["", "hello", "a".repeat(65_536)]) {
    const fixture = new ConnectionFixture({}, [RULE]);
    fixture.client.deliver(post("/no", content) + get("/yes"));
    assert.equal(readResponse(fixture.received, "POST").status, 403);
    assert.equal(fixture.handler.answers.length, 1);
  }
});

test("a HEAD that a rule answers gets no content", () => {
  const fixture = new ConnectionFixture({}, [RULE]);
  fixture.client.deliver(get("/no").replace("GET", "HEAD"));
  assert.match(
    fixture.received.toString("latin1"),
    /^HTTP\/1\.1 403 .*\r\nContent-Length: 23\r\n.*\r\n\r\n$/s,
  );
});

test("added fields go on every answer: the application's, and errors in its place", () => {
  const fixture = new ConnectionFixture({}, [RULE]);
  fixture.client.deliver(get("/add/1") + get("/add/2") + post("/add/3", "hello"));
  fixture.handler.answerAt(0).answer("one");
  fixture.handler.answerAt(1).sink.onAnswerFailure("application-error");
  fixture.handler.answerAt(2).begin("pie");
  fixture.handler.answerAt(2).more("ces");
  fixture.handler.answerAt(2).end();
  const responses = readResponses(fixture.received, "GET", "GET", "POST");
  assert.deepEqual(
    responses.map(({ status, content, fields }) => [
      status,
      content.split("\n", 1)[0],
      fields.get("x-added"),
    ]),
    [
      [200, "one", "yes"],
      [500, "500 Internal Server Error", "yes"],
      [200, "pieces", "yes"],
    ],
  );
});

test("a content that does not arrive is answered with the fields that its head called for", () => {
  const fixture = new ConnectionFixture({}, [RULE]);
  fixture.client.deliver(post("/add", "hello").slice(0, -1));
  fixture.sweepAt(20_000);
  const late = readResponse(fixture.received);
  assert.equal(late.status, 408);
  assert.equal(late.fields.get("x-added"), "yes");
});

test("rules and the handler see the same provenance while a client repeats itself", () => {
  const seen: Provenance[] = [];
  const spy: AdmissionRule = {
    admit(_head, provenance) {
      seen.push(provenance);
      return null;
    },
  };
  const fixture = new ConnectionFixture({}, [spy]);
  fixture.client.deliver(get("/") + get("/other"));
  fixture.client.deliver(get("/", "X-New: a\r\n"));
  fixture.client.deliver("GET http://b/ HTTP/1.1\r\nHost: a\r\nX-New: a\r\n\r\n");
  fixture.client.deliver(get("/", "X-New: a\r\n"));
  for (let place = 0; place < 5; place++) fixture.handler.answerAt(place).answer("");
  assert.deepEqual(
    fixture.handler.answers.map(({ request }) => request.provenance),
    seen,
  );
  assert.equal(seen[0], seen[1]);
  assert.notEqual(seen[1], seen[2]);
  assert.deepEqual(
    seen.map(({ host }) => host),
    ["a", "a", "a", "b", "a"],
  );
});

test("also on the answer to a content that is too large by its own word", () => {
  const fixture = new ConnectionFixture({}, [RULE]);
  fixture.client.deliver("POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 5000001\r\n\r\n");
  const refused = readResponse(fixture.received, "POST");
  assert.equal(refused.status, 413);
  assert.equal(refused.fields.get("x-added"), "yes");
  assert.equal(fixture.handler.answers.length, 0);
});
