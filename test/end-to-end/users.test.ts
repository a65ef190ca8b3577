/** --user, --group, --umask and --pid-file. What needs root is tested where there is root. */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { everyonesPython } from "./everyones-python.ts";
import { APPLICATIONS, get, post, TRANSPORTS } from "./exercise.ts";
import { rawRequest } from "./raw-client.ts";
import { runPortico, startPortico } from "./server-process.ts";

const isRoot = process.getuid?.() === 0;
/** Of nobody, and not in the user database. */
const UID = 54_321;
const GID = 54_322;
/** More than is kept in memory. */
const LARGE_BYTES = 3_000_000;

for (const transport of TRANSPORTS) {
  describe(`users and files, by ${transport}`, () => {
    const site = ["--transport", transport, "--chdir", APPLICATIONS, "-w", "1"];
    const reference = "surroundings:app";
    let folder: string;
    before(() => {
      folder = mkdtempSync(path.join(os.tmpdir(), "portico-users-"));
      chmodSync(folder, 0o755);
    });
    after(() => rmSync(folder, { recursive: true }));

    async function facts(target: number | string): Promise<Record<string, unknown>> {
      return JSON.parse((await rawRequest(target, get("/facts"))).text) as Record<string, unknown>;
    }

    test("--umask is the application's, and a Unix socket's", async () => {
      const file = path.join(folder, "umask");
      const options = ["--umask", "027", "-b", "127.0.0.1:0", "-b", `unix:${file}`];
      await using server = await startPortico([...site, ...options, reference]);
      assert.equal((await facts(server.port))["umask"], 0o27);
      assert.equal(statSync(file).mode & 0o777, 0o750);
      const refused = await runPortico([...site, "--umask", "8", reference]);
      assert.equal(refused.status, 2);
    });

    test("--pid-file refuses a second start, and is replaced after kill -9", async () => {
      const file = path.join(folder, "pid");
      const args = [...site, "--pid-file", file, reference];
      await using server = await startPortico(args);
      assert.equal(readFileSync(file, "utf8"), `${server.pid}\n`);
      const second = await runPortico(args);
      assert.equal(second.status, 1);
      assert.match(
        second.stderr,
        new RegExp(`^portico: --pid-file ${file}: PID ${server.pid} in it is a Portico [^\n]+\n$`),
      );
      assert.equal(readFileSync(file, "utf8"), `${server.pid}\n`);
      server.signal("SIGKILL");
      await server.stop();
      assert.ok(existsSync(file));
      await using third = await startPortico(args);
      assert.equal(readFileSync(file, "utf8"), `${third.pid}\n`);
      await third.stop();
      assert.equal(existsSync(file), false);
    });

    test("a PID file that is something else is refused, and left", async () => {
      const file = path.join(folder, "precious");
      writeFileSync(file, "precious\n");
      const end = await runPortico([...site, "--pid-file", file, reference]);
      assert.equal(end.status, 1);
      assert.match(end.stderr, /^portico: --pid-file [^\n]+\n$/);
      assert.equal(readFileSync(file, "utf8"), "precious\n");
    });

    test("a user that is not there is refused in one line", async () => {
      for (const option of ["--user", "--group"]) {
        const end = await runPortico([...site, option, "no-such-name", reference]);
        assert.equal(end.status, 2);
        assert.match(end.stderr, new RegExp(`^portico: ${option} no-such-name: [^\n]+\n$`));
      }
    });

    test(
      "a Python that the user may not run is refused in one line",
      { skip: !isRoot },
      async () => {
        const python = path.join(folder, "python");
        writeFileSync(python, "#!/bin/sh\n", { mode: 0o700 });
        const options = ["--user", String(UID), "--group", String(GID), "--python", python];
        const end = await runPortico([...site, ...options, reference]);
        assert.equal(end.status, 2);
        assert.match(end.stderr, /^portico: \/[^\n]+ this user may not run it; [^\n]+--python\n$/);
      },
    );

    test(
      isRoot ? "root binds first, then becomes the user for good" : "only root may",
      async () => {
        if (!isRoot) {
          const end = await runPortico([...site, "--user", "root", reference]);
          assert.equal(end.status, 2);
          assert.match(
            end.stderr,
            /^portico: --user root: only root can become another; [^\n]+\n$/,
          );
          const same = [
            "--user",
            String(process.getuid?.()),
            "--group",
            String(process.getgid?.()),
          ];
          await using server = await startPortico([...site, ...same, reference]);
          assert.equal((await rawRequest(server.port, get("/facts"))).status, 200);
          return;
        }
        const [socket = "", pidFile = "", log = ""] = ["socket", "root-pid", "log"].map((name) =>
          path.join(folder, name),
        );
        const options = ["--user", String(UID), "--group", String(GID), "-p", pidFile];
        const rest = ["--error-log", log, "-b", "127.0.0.1:0", "-b", `unix:${socket}`];
        const server = await startPortico(
          [...site, "--python", everyonesPython(), ...options, ...rest, reference],
          { env: { HOME: "/root", FAULT: undefined } },
        );
        const expected = { uids: [UID, UID, UID], gids: [GID, GID, GID], groups: [GID] };
        for (const target of [server.port, socket]) {
          const found = await facts(target);
          assert.deepEqual(found["atImport"], expected);
          const { uids, gids, groups } = found;
          assert.deepEqual({ uids, gids, groups }, expected);
          assert.equal(found["home"], "/root");
        }
        for (const file of [socket, pidFile, log]) {
          const { uid, gid } = statSync(file);
          assert.deepEqual({ file, uid, gid }, { file, uid: UID, gid: GID });
        }
        for (const pid of server.processes()) {
          assert.match(readFileSync(`/proc/${pid}/status`, "latin1"), uidLine());
        }
        const large = await rawRequest(server.port, post("/facts", Buffer.alloc(LARGE_BYTES)));
        assert.equal(
          (JSON.parse(large.text) as { contentLength: number }).contentLength,
          LARGE_BYTES,
        );
        // The PID file and the log are its own also where the folder is not.
        server.signal("SIGUSR2");
        await server.ended;
        await server.until("an end", () => true).catch(() => {});
        const successor = Number(readFileSync(pidFile, "utf8"));
        assert.notEqual(successor, server.pid);
        assert.deepEqual((await facts(server.port))["uids"], expected.uids);
        process.kill(successor, "SIGTERM");
        await server.stop();
        assert.equal(existsSync(pidFile) ? readFileSync(pidFile, "utf8") : "", "");
      },
    );
  });
}

function uidLine(): RegExp {
  return new RegExp(`^Uid:\t${UID}\t${UID}\t${UID}\t${UID}$`, "m");
}
