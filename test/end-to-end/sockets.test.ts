/** Addresses to listen on, and what start-up says of them. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { freePort } from "../../bench/free-port.ts";
import { APPLICATIONS, get, TRANSPORTS } from "./exercise.ts";
import { rawRequest } from "./raw-client.ts";
import { PORTICO, runPortico, startPortico, startServer } from "./server-process.ts";

for (const transport of TRANSPORTS) {
  const site = [
    "--transport",
    transport,
    "--chdir",
    APPLICATIONS,
    "--workers",
    "1",
    "exercise:app",
  ];

  describe(`listening, by ${transport}`, () => {
    let folder: string;
    before(() => (folder = mkdtempSync(path.join(os.tmpdir(), "portico-sockets-"))));
    after(() => rmSync(folder, { recursive: true }));

    test("several addresses at once: a name, IPv6, a Unix socket", async () => {
      const file = path.join(folder, "several");
      const server = await startPortico([
        "--bind",
        "localhost:0",
        "--bind",
        "[::1]:0",
        "--bind",
        `unix:${file}`,
        ...site,
      ]);
      const v6 = /http:\/\/\[::1\]:(\d+)/.exec(server.stdout)?.[1];
      assert.equal((await rawRequest(server.port, get("/hello"))).status, 200);
      assert.equal((await rawRequest(file, get("/hello"))).status, 200);
      const status = await new Promise<string>((resolve, reject) => {
        const socket = net.connect({ host: "::1", port: Number(v6) });
        socket.once("error", reject).once("data", (data) => {
          socket.destroy();
          resolve(data.toString("latin1", 0, 12));
        });
        socket.write(get("/hello"));
      });
      assert.equal(status, "HTTP/1.1 200");
      assert.deepEqual(await server.stop(), { status: 0, signal: null });
      assert.equal(existsSync(file), false);
    });

    test("$PORT is honoured", async () => {
      const port = await freePort();
      const server = await startServer(PORTICO, site, { env: { PORT: String(port) } });
      await using _ = server;
      assert.equal(server.port, port);
      assert.match(server.stdout, /0\.0\.0\.0/);
    });

    test("a stale socket file is replaced, a live one and a plain file are refused", async () => {
      const file = path.join(folder, "stale");
      const first = await startPortico([
        "--bind",
        `unix:${file}`,
        "--bind",
        "127.0.0.1:0",
        ...site,
      ]);
      const refused = await runPortico(["--bind", `unix:${file}`, ...site]);
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, new RegExp(`^portico: .*${file}.*\n$`));
      // The zygote removes the file of a gateway that is killed, unless it is killed with it. First
      // of all: a stopped process goes on when its group has lost its parent (exit(3)).
      const processes = first.processes();
      for (const pid of processes) process.kill(pid, "SIGSTOP");
      for (const pid of processes) if (pid !== first.pid) process.kill(pid, "SIGKILL");
      first.killAll();
      await first.ended;
      await first.stop();
      assert.equal(existsSync(file), true, "nobody is left to remove the file: it is stale now");
      const second = await startPortico([
        "--bind",
        `unix:${file}`,
        "--bind",
        "127.0.0.1:0",
        ...site,
      ]);
      assert.equal((await rawRequest(file, get("/hello"))).status, 200);
      await second.stop();
      const third = await startPortico([
        "--bind",
        `unix:${file}`,
        "--bind",
        "127.0.0.1:0",
        ...site,
      ]);
      third.signal("SIGKILL");
      await third.ended;
      await third.stop();
      assert.equal(existsSync(file), false, "its zygote removed the file");
      const plain = path.join(folder, "plain");
      writeFileSync(plain, "precious");
      assert.equal((await runPortico(["--bind", `unix:${plain}`, ...site])).status, 1);
      assert.equal(readFileSync(plain, "utf8"), "precious");
    });

    test("start-up says what there is, and that somaxconn cuts the backlog", async () => {
      const granted = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"));
      await using server = await startPortico([
        "--backlog",
        String(Math.min(65_535, granted + 1)),
        ...site,
      ]);
      const { stdout } = server;
      assert.match(stdout, /exercise:app/);
      assert.match(stdout, /WSGI/);
      assert.match(stdout, new RegExp(`PID ${server.pid}`));
      assert.match(stdout, /workers +1 \(/);
      assert.match(stdout, /python +3\.\d+\.\d+/);
      if (granted < 65_535) assert.match(stdout, new RegExp(`backlog +${granted}.*somaxconn`));
    });
  });
}
