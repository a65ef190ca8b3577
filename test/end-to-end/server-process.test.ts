/**
 * The tests' own view of processes: were it blind, no other test would see what a server leaves
 * behind.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { runToEnd, startServer } from "./server-process.ts";

const ANNOUNCE = "echo listening at http://127.0.0.1:1234";

test("the announced port is found, and a server that stops is fine", async () => {
  const server = await startServer("sh", ["-c", `${ANNOUNCE}; exec sleep 60`]);
  assert.equal(server.origin, "http://127.0.0.1:1234");
  assert.deepEqual(server.processes(), [server.pid]);
  assert.deepEqual(await server.stop(), { status: null, signal: "SIGTERM" });
  assert.deepEqual(server.processes(), []);
});

test("a process that left the session and outlived its server is found, and killed", async () => {
  const server = await startServer("sh", ["-c", `setsid sleep 60 & ${ANNOUNCE}; wait`]);
  await server.until("a second process", () => server.processes().length === 2);
  await assert.rejects(server.stop(), /processes were left behind/);
  assert.deepEqual(server.processes(), []);
});

test("a server that ignores SIGTERM fails the test, and is killed", async () => {
  const script = `trap '' TERM; ${ANNOUNCE}; sleep 60 & wait`;
  const server = await startServer("sh", ["-c", script]);
  await assert.rejects(server.stop(200), /did not end within 200 ms of SIGTERM/);
  assert.deepEqual(server.processes(), []);
});

test("a server that ends before it serves is reported with its output", async () => {
  const starting = startServer("sh", ["-c", "echo out; echo wrong >&2; exit 3"]);
  await assert.rejects(
    starting,
    /ended before .*"status":3[^]*--- stdout\nout\n[^]*--- stderr\nwrong\n/,
  );
});

test("a program that ends by itself is told with its status and output", async () => {
  assert.deepEqual(await runToEnd("sh", ["-c", "echo out; echo wrong >&2; exit 4"]), {
    status: 4,
    signal: null,
    stdout: "out\n",
    stderr: "wrong\n",
  });
});
