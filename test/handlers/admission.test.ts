import assert from "node:assert/strict";
import { test } from "node:test";

import { admit, type Admission, type AdmissionRule } from "../../src/handlers/admission.ts";
import { ServedMethods } from "../../src/handlers/served-methods.ts";
import { SecuredTargets } from "../../src/handlers/secured-targets.ts";
import { PROVENANCE, requestHead } from "./request-head.ts";

/** A rule that always says the same, and counts how often it is asked. */
class FixedRule implements AdmissionRule {
  asked = 0;
  readonly #admission: Admission | null;

  constructor(fields: string | null, status: number | null = null, replaced: string[] = []) {
    const answer = status === null ? null : { status, fields: "", detail: null, content: null };
    const replacedFields = new Set(replaced);
    this.#admission =
      fields === null ? null : { answer, fields, replacedFields, vary: [...replaced] };
  }

  admit(): Admission | null {
    this.asked++;
    return this.#admission;
  }
}

const HEAD = requestHead("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

test("rules that have nothing to say leave a request alone", () => {
  assert.equal(admit([], HEAD, PROVENANCE), null);
  assert.equal(admit([new FixedRule(null), new FixedRule(null)], HEAD, PROVENANCE), null);
});

test("what rules add is added up, until one answers", () => {
  const last = new FixedRule("D: 4\r\n");
  const rules = [
    new FixedRule("A: 1\r\n", null, ["a"]),
    new FixedRule(null),
    new FixedRule("B: 2\r\n", null, ["b"]),
  ];
  assert.deepEqual(admit(rules, HEAD, PROVENANCE), {
    answer: null,
    fields: "A: 1\r\nB: 2\r\n",
    replacedFields: new Set(["a", "b"]),
    vary: ["a", "b"],
  });
  const answered = admit([...rules, new FixedRule("C: 3\r\n", 403), last], HEAD, PROVENANCE);
  assert.equal(answered?.answer?.status, 403);
  assert.equal(answered.fields, "A: 1\r\nB: 2\r\nC: 3\r\n");
  assert.equal(last.asked, 0);
});

test("methods that are refused get 501; CONNECT is always one of them", () => {
  const status = (rule: ServedMethods, method: string): number | undefined => {
    const target = method === "CONNECT" ? "a:80" : "/";
    const head = requestHead(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return rule.admit(head)?.answer?.status;
  };
  const rule = new ServedMethods(["TRACE", "PURGE"]);
  for (const method of ["TRACE", "PURGE", "CONNECT"]) assert.equal(status(rule, method), 501);
  for (const method of ["GET", "trace", "POST"]) assert.equal(status(rule, method), undefined);
  assert.equal(status(new ServedMethods([]), "CONNECT"), 501);
  assert.equal(status(new ServedMethods([]), "TRACE"), undefined);
});

test("OPTIONS * is answered with the methods that are not refused", () => {
  const head = requestHead("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  const answer = new ServedMethods(["PUT", "PATCH"]).admit(head)?.answer;
  assert.equal(answer?.status, 200);
  assert.equal(answer.fields, "Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n");
  assert.equal(new ServedMethods(["OPTIONS"]).admit(head)?.answer?.status, 501);
});

test("an https target is served only to those who came over a secured connection", () => {
  const status = (target: string, scheme: "http" | "https", method = "GET"): number | undefined => {
    const head = requestHead(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return new SecuredTargets().admit(head, { ...PROVENANCE, scheme })?.answer?.status;
  };
  assert.equal(status("https://a/", "http"), 421);
  assert.equal(status("HTTPS://a/", "http"), 421);
  assert.equal(status("https://a", "http", "OPTIONS"), 421);
  assert.equal(status("https://a/", "https"), undefined);
  // The other way round nothing is claimed that does not hold: http may come by any connection.
  assert.equal(status("http://a/", "http"), undefined);
  assert.equal(status("http://a/", "https"), undefined);
  assert.equal(status("/https://a/", "http"), undefined);
});
