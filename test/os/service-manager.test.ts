import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempDisposableSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { createLog, NULL_LOG } from "../../src/base/log.ts";
import { EAGAIN } from "../../src/os/errno.ts";
import { openServiceManager, ServiceManager } from "../../src/os/service-manager.ts";
import { NoticeReceiver } from "./notice-receiver.ts";

const PID = 4711;

describe("a service manager", () => {
  it("hears READY, RELOADING, STOPPING and MAINPID, by path and by abstract name", () => {
    using folder = mkdtempDisposableSync(path.join(os.tmpdir(), "portico-notify-"));
    for (const name of [path.join(folder.path, "notify"), `@portico-test-${randomUUID()}`]) {
      using receiver = new NoticeReceiver(name);
      const manager = openServiceManager({ NOTIFY_SOCKET: name }, PID, NULL_LOG);
      manager.ready("serves\nall");
      manager.reloading();
      manager.stopping("ends");
      manager.handOver(12);
      manager.ready("is not the one who speaks any more");
      manager.sweep(1);
      const [ready, reloading = "", ...rest] = receiver.receive();
      assert.equal(ready, "READY=1\nSTATUS=serves all");
      assert.match(reloading, /^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=/);
      const now = Number(/MONOTONIC_USEC=(\d+)/.exec(reloading)?.[1]);
      assert.ok(Math.abs(now - Number(process.hrtime.bigint() / 1000n)) < 60_000_000);
      assert.deepEqual(rest, ["STOPPING=1\nSTATUS=ends", "MAINPID=12"]);
    }
  });

  it("gets a sign of life twice in its own time, from the sweep alone", () => {
    for (const [env, expected] of [
      [{ WATCHDOG_USEC: "2000000" }, 3],
      [{ WATCHDOG_USEC: "2000000", WATCHDOG_PID: String(PID) }, 3],
      [{ WATCHDOG_USEC: "2000000", WATCHDOG_PID: "1" }, 0],
      [{ WATCHDOG_USEC: "0" }, 0],
      [{ WATCHDOG_USEC: "soon" }, 0],
      [{}, 0],
    ] as const) {
      const name = `@portico-test-${randomUUID()}`;
      using receiver = new NoticeReceiver(name);
      const manager = openServiceManager({ NOTIFY_SOCKET: name, ...env }, PID, NULL_LOG);
      for (let nowMs = 0; nowMs <= 2_500; nowMs += 250) manager.sweep(nowMs);
      assert.deepEqual(receiver.receive(), Array(expected).fill("WATCHDOG=1"));
    }
  });

  it("is spoken to again where it could not take it, and complained of once", () => {
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line), { epochMs: () => 0 }, "info");
    const said: string[] = [];
    let refusals = 3;
    const manager = new ServiceManager(
      (notice) => {
        if (refusals-- > 0) return EAGAIN;
        said.push(notice);
        return 0;
      },
      null,
      log,
    );
    manager.ready("a");
    for (let sweep = 0; sweep < 5; sweep++) manager.sweep(sweep);
    assert.deepEqual(said, ["READY=1\nSTATUS=a"]);
    assert.equal(lines.length, 1);
    refusals = 1_000;
    manager.stopping("b");
    for (let sweep = 0; sweep < 500; sweep++) manager.sweep(sweep);
    assert.ok(refusals > 900, "it is not tried without end");
  });

  it("that is not there, or has a name of another kind, is no reason to fail", () => {
    for (const [name, lines] of [
      [undefined, 0],
      ["", 0],
      ["/nowhere/at/all", 1],
      ["@portico-test-nobody", 1],
      ["vsock:2:1234", 1],
      ["relative", 1],
      [`/${"x".repeat(200)}`, 1],
    ] as const) {
      const written: string[] = [];
      const log = createLog((line) => written.push(line), { epochMs: () => 0 }, "info");
      const manager = openServiceManager({ NOTIFY_SOCKET: name, WATCHDOG_USEC: "1" }, PID, log);
      manager.ready("a");
      manager.sweep(1);
      manager.stopping("b");
      assert.equal(written.length, lines, written.join("\n"));
    }
  });
});
