import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OperatorError } from "../../src/base/errors.ts";
import {
  passedSockets,
  successorEnvironment,
  withoutServiceVariables,
} from "../../src/os/passed-sockets.ts";

const PID = 4711;
const MINE = { LISTEN_PID: String(PID) };

describe("passedSockets", () => {
  it("counts from descriptor 3, with names where there are some", () => {
    assert.deepEqual(passedSockets({ ...MINE, LISTEN_FDS: "2", LISTEN_FDNAMES: "http:" }, PID), [
      { descriptor: 3, name: "http" },
      { descriptor: 4, name: null },
    ]);
    assert.deepEqual(passedSockets({ ...MINE, LISTEN_FDS: "1" }, PID), [
      { descriptor: 3, name: null },
    ]);
  });

  it("finds none where they are another process's, or nobody says so", () => {
    for (const env of [
      {},
      MINE,
      { LISTEN_FDS: "1" },
      { LISTEN_FDS: "1", LISTEN_PID: "4712" },
      { LISTEN_FDS: "1", LISTEN_PID: "04711" },
      { ...MINE, LISTEN_FDS: "0" },
    ]) {
      assert.deepEqual(passedSockets(env, PID), []);
    }
  });

  it("refuses a number that is none", () => {
    for (const count of ["", "-1", "x", "1e1", "257", "99999999999999999999"]) {
      assert.throws(
        () => passedSockets({ ...MINE, LISTEN_FDS: count }, PID),
        (error) => error instanceof OperatorError && error.exitStatus === 2,
      );
    }
  });
});

describe("withoutServiceVariables", () => {
  it("leaves everything else", () => {
    const env = {
      LISTEN_FDS: "1",
      LISTEN_PID: "1",
      LISTEN_FDNAMES: "a",
      LISTEN_PIDFDID: "1",
      NOTIFY_SOCKET: "@a",
      WATCHDOG_USEC: "1",
      WATCHDOG_PID: "1",
      LISTENER: "kept",
      HOME: "/",
    };
    assert.deepEqual(withoutServiceVariables(env), { LISTENER: "kept", HOME: "/" });
  });
});

describe("successorEnvironment", () => {
  it("leaves out what is for this process and its descriptors", () => {
    const own = { NOTIFY_SOCKET: "@a", WATCHDOG_USEC: "1", LISTEN_ADDRESS: "kept" };
    const passed = { LISTEN_FDS: "1", LISTEN_PID: "1", LISTEN_FDNAMES: "a", LISTEN_PIDFDID: "1" };
    assert.deepEqual(successorEnvironment({ ...own, ...passed, WATCHDOG_PID: "1" }, 1), own);
    assert.deepEqual(successorEnvironment({ WATCHDOG_PID: "1" }, 2), { WATCHDOG_PID: "1" });
  });
});
