import assert from "node:assert/strict";
import { test } from "node:test";

import { isCombinable, RefusedUnderscores } from "../../src/handlers/header-map.ts";
import { requestHead } from "./request-head.ts";

test("refuse: 400 for a name with an underscore, whatever the others are", () => {
  const rule = new RefusedUnderscores();
  const status = (lines: string): number | undefined =>
    rule.admit(requestHead(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`))?.answer?.status;
  assert.equal(status("X_User: a\r\n"), 400);
  assert.equal(status("X-User: a\r\n_: b\r\n"), 400);
  assert.equal(status("X-User: a_b\r\nX.User: c\r\n"), undefined);
  assert.equal(status(""), undefined);
});

test("dangerous: what somebody relies on is never combined", () => {
  for (const name of [
    "content_length",
    "content_type",
    "transfer_encoding",
    "forwarded_for",
    "x_forwarded_for",
    "x-forwarded_user",
    "x_real-ip",
    "sec_fetch_site",
    "sec-fetch_site",
    "access_control_request_method",
  ]) {
    assert.equal(isCombinable(name), false, name);
  }
  for (const name of ["x_user", "user_agent", "_", "x_forward"]) {
    assert.equal(isCombinable(name), true, name);
  }
});
