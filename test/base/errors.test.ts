import assert from "node:assert/strict";
import { test } from "node:test";

import {
  EXIT_STATUS,
  invariant,
  OperatorError,
  ProtocolError,
  SystemCallError,
} from "../../src/base/errors.ts";

test("exit statuses are gunicorn's, so that unit files carry over", () => {
  assert.deepEqual(EXIT_STATUS, {
    clean: 0,
    failure: 1,
    usage: 2,
    moduleNotLoaded: 3,
    notAnApplication: 4,
    notRunning: 5,
    unknown: 6,
  });
});

test("each error says by its type whose fault it is, and carries what its catcher needs", () => {
  const protocol = new ProtocolError("HEAD_TOO_LARGE", 431, "RFC 6585 section 5", "too large");
  assert.equal(protocol.name, "ProtocolError");
  assert.deepEqual([protocol.code, protocol.status], ["HEAD_TOO_LARGE", 431]);
  assert.equal(protocol.section, "RFC 6585 section 5");
  const operator = new OperatorError(EXIT_STATUS.usage, "unknown option");
  assert.deepEqual([operator.name, operator.exitStatus], ["OperatorError", 2]);
  assert.equal(operator.details, null);
  const system = new SystemCallError("EADDRINUSE", 98, "bind", "binding 127.0.0.1:80");
  assert.equal(system.message, "bind: EADDRINUSE while binding 127.0.0.1:80");
  assert.deepEqual([system.code, system.errno, system.systemCall], ["EADDRINUSE", 98, "bind"]);
});

test("an invariant that holds is silent, and one that does not says which", () => {
  assert.equal(invariant(true, "one is one"), undefined);
  assert.throws(() => invariant(false, "one is two"), /^Error: invariant broken: one is two$/);
});
