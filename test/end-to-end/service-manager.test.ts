/** What a service manager hears (sd_notify), over the whole life of the program. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { NoticeReceiver } from "../os/notice-receiver.ts";
import { TRANSPORTS } from "./exercise.ts";
import { type ServerProcess, startPortico } from "./server-process.ts";

const WATCHDOG_US = 1_000_000;
const CODE = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return []\n";

for (const transport of TRANSPORTS) {
  describe(`a service manager, by ${transport}`, () => {
    async function notified(
      run: (server: ServerProcess, receiver: NoticeReceiver, code: string) => Promise<void>,
    ): Promise<void> {
      using folder = mkdtempDisposableSync(path.join(os.tmpdir(), "portico-notified-"));
      const code = path.join(folder.path, "site.py");
      writeFileSync(code, CODE);
      const name = `@portico-test-${randomUUID()}`;
      using receiver = new NoticeReceiver(name);
      const args = ["--transport", transport, "-w", "1", `${code}:app`];
      await using server = await startPortico(args, {
        env: {
          NOTIFY_SOCKET: name,
          WATCHDOG_USEC: String(WATCHDOG_US),
          PYTHONDONTWRITEBYTECODE: "1",
        },
      });
      await run(server, receiver, code);
    }

    test("READY with a status, RELOADING until the new code serves, STOPPING", () =>
      notified(async (server, receiver, code) => {
        assert.match(await receiver.until("READY=1"), /\nSTATUS=serves .*site\.py:app/);
        for (const [round, text] of [CODE, "import no_such_module\n"].entries()) {
          writeFileSync(code, text);
          server.signal("SIGHUP");
          await receiver.until("RELOADING=1", round + 1);
          await receiver.until("READY=1", round + 2);
        }
        await server.stop();
        await receiver.until("STOPPING=1");
        const states = receiver.notices.map((notice) => notice.split("=", 1)[0]);
        assert.deepEqual(
          states.filter((state) => state !== "WATCHDOG"),
          ["READY", "RELOADING", "READY", "RELOADING", "READY", "STOPPING"],
        );
      }));

    test("a sign of life each half of the watchdog's time, and none from a stuck gateway", () =>
      notified(async (server, receiver) => {
        await receiver.until("WATCHDOG=1", 3);
        server.signal("SIGSTOP");
        // What was on its way.
        await pause(100);
        const before = receiver.receive().length;
        await pause((2 * WATCHDOG_US) / 1_000);
        assert.equal(receiver.receive().length, before);
        server.signal("SIGCONT");
        await receiver.until("WATCHDOG=1", 4);
      }));

    test("USR2: MAINPID, and from then on the successor is the one who speaks", () =>
      notified(async (server, receiver) => {
        await receiver.until("READY=1");
        server.signal("SIGUSR2");
        const successor = Number((await receiver.until(/^MAINPID=/)).slice("MAINPID=".length));
        await receiver.until("READY=1", 2);
        await server.ended;
        assert.ok(!receiver.receive().some((notice) => notice.startsWith("STOPPING")));
        const signs = receiver.notices.filter((notice) => notice === "WATCHDOG=1").length;
        await receiver.until("WATCHDOG=1", signs + 2);
        process.kill(successor, "SIGTERM");
        await receiver.until("STOPPING=1");
        await server.stop();
      }));
  });
}
