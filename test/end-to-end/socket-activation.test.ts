/** Listening sockets that others pass: systemd's LISTEN_FDS, and --bind fd://N. */
import assert from "node:assert/strict";
import { existsSync, mkdtempDisposableSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { freePort } from "../../bench/free-port.ts";
import { APPLICATIONS, get, TRANSPORTS } from "./exercise.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import {
  PORTICO,
  type ProcessEnd,
  runToEnd,
  ServerProcess,
  startServer,
} from "./server-process.ts";

const LAUNCHER = path.join(import.meta.dirname, "pass_sockets.py");
const SERVING = { status: 0, signal: null };

for (const transport of TRANSPORTS) {
  const site = ["--transport", transport, "--chdir", APPLICATIONS, "-w", "1", "surroundings:app"];

  describe(`sockets that are passed, by ${transport}`, () => {
    /** @param options of portico; `pid` null stands for its own */
    function launch(sockets: readonly string[], options: readonly string[] = [], pid = "-") {
      return [LAUNCHER, pid, ...sockets, "--", PORTICO, ...options, ...site];
    }

    async function facts(target: number | string): Promise<Record<string, unknown>> {
      const response = await rawRequest(target, get("/facts"));
      assert.equal(response.status, 200);
      return JSON.parse(response.text) as Record<string, unknown>;
    }

    test("without --bind all of them are listened on, and the application has none", async () => {
      using folder = mkdtempDisposableSync(path.join(os.tmpdir(), "portico-passed-"));
      const file = path.join(folder.path, "socket");
      const server = await startServer("python3", launch(["tcp", `unix:${file}`]));
      assert.match(server.stdout, new RegExp(`unix:${file}`));
      for (const target of [server.port, file]) {
        const { listening, serviceVariables } = await facts(target);
        // The links to the gateway.
        assert.equal((listening as string[]).length, transport === "epoll" ? 2 : 1);
        assert.deepEqual(serviceVariables, []);
      }
      assert.deepEqual(await server.stop(), SERVING);
      assert.equal(existsSync(file), true, "whoever passed the socket keeps its file");
      await assert.rejects(RawClient.connect(file));
    });

    test("with --bind only those that fd:// names", async () => {
      const port = await freePort();
      const options = ["--bind", "fd://4", "--bind", `127.0.0.1:${port}`];
      await using server = await startServer("python3", launch(["file", "tcp"], options));
      assert.notEqual(server.port, port);
      for (const target of [server.port, port]) await facts(target);
    });

    test("those of another process are not ours, unless fd:// names them", async () => {
      const named = launch(["tcp"], ["--bind", "fd://3"], "1");
      await using server = await startServer("python3", named);
      await facts(server.port);
      const port = await freePort();
      const env = { PORT: String(port) };
      await using other = await startServer("python3", launch(["tcp"], [], "1"), { env });
      assert.equal(other.port, port);
    });

    test("what is no listening stream socket is refused in one line", async () => {
      for (const [kind, why] of [
        ["udp", "is no stream socket"],
        ["idle", "is a socket that does not listen"],
        ["file", "is no socket"],
      ] as const) {
        const end = await runToEnd("python3", launch(["tcp", kind]));
        assert.equal(end.status, 1);
        assert.match(
          end.stderr,
          new RegExp(`^portico: cannot listen on fd://4: descriptor 4 ${why}; [^\n]+\n$`),
        );
      }
      const missing = await runToEnd("python3", launch([], ["--bind", "fd://77"]));
      assert.equal(missing.status, 1);
      assert.match(
        missing.stderr,
        /^portico: cannot listen on fd:\/\/77: [^\n]* is not open[^\n]*\n$/,
      );
      const twice = await runToEnd("python3", launch(["tcp"], ["-b", "fd://3", "-b", "fd://3"]));
      assert.equal(twice.status, 2);
    });

    test("a socket stays open through USR2, for the process after the next as well", async () => {
      const server = new ServerProcess("python3", launch(["tcp"]), {});
      await server.until("an address", () => /http:\/\/127/.test(server.stdout));
      const port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(server.stdout)?.[1]);
      let pid = server.pid;
      const successors = (): number[] =>
        [...server.stderr.matchAll(/ successor=(\d+)/g)].map(([, found]) => Number(found));
      for (const round of [1, 2]) {
        process.kill(pid, "SIGUSR2");
        const deadline = performance.now() + 20_000;
        while (successors().length < round) {
          assert.ok(performance.now() < deadline, server.output);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        pid = successors().at(-1) ?? 0;
        assert.deepEqual((await facts(port))["serviceVariables"], []);
      }
      process.kill(pid, "SIGTERM");
      const end: ProcessEnd = await server.stop();
      assert.deepEqual(end, SERVING);
    });
  });
}
