/**
 * What a container is: the first process of a PID namespace, a file system that cannot be written
 * to, a user that nobody knows. Namespaces need privileges; without them, a subreaper stands for
 * PID 1, and the rest is not tested.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { everyonesPython } from "./everyones-python.ts";
import { APPLICATIONS, get, post, put, TRANSPORTS } from "./exercise.ts";
import { childrenOf, statusOf } from "./process-tree.ts";
import { rawRequest } from "./raw-client.ts";
import {
  PORTICO,
  PROJECT_FOLDER,
  runToEnd,
  type ServerProcess,
  startServer,
} from "./server-process.ts";

const hasNamespaces =
  spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"]).status === 0;
const UID = "54321";
/** More than is kept in memory, and less. */
const LARGE_BYTES = 3_000_000;
const SMALL_BYTES = 10_000;

/** Runs what follows as a child subreaper, prctl(2). */
const SUBREAPER = [
  "-c",
  "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1); os.execv(sys.argv[1], sys.argv[1:])",
];

/** Mounts everything read-only, then runs what follows as a user without a name or a home. */
const READ_ONLY = `
  mount --make-rprivate /
  mount -o remount,ro,bind /
  for place in /tmp /var/tmp /run /dev/shm; do
    case "${PROJECT_FOLDER}" in
      # It must not be hidden.
      "$place"/*) mount --bind "$place" "$place" && mount -o remount,ro,bind "$place" ;;
      *) mount -t tmpfs -o ro none "$place" ;;
    esac
  done
  ! touch "\${TMPDIR:-/tmp}/x" 2>/dev/null
  exec setpriv --reuid ${UID} --regid ${UID} --clear-groups env -u HOME -u USER "$@"
`;

for (const transport of TRANSPORTS) {
  const site = ["--transport", transport, "--chdir", APPLICATIONS, "-w", "1"];
  const bind = ["--bind", "127.0.0.1:0"];
  const reference = "surroundings:app";

  describe(`in a container, by ${transport}`, () => {
    /** Has orphans come to the gateway, and waits until they are gone. */
    async function leavesOrphans(server: ServerProcess, gateway: number): Promise<void> {
      const own = childrenOf(gateway);
      for (let count = 0; count < 3; count++) {
        const response = await rawRequest(server.port, get("/orphan"));
        assert.equal(response.status, 200, server.output);
      }
      await server.until("no zombie", () =>
        childrenOf(gateway).every((pid) => own.includes(pid) && statusOf(pid)?.state !== "Z"),
      );
      assert.equal((await rawRequest(server.port, get("/facts"))).status, 200);
      // A child of its own that ends is still Node's to see.
      const [zygote] = own.filter((pid) => childrenOf(pid).length > 0);
      process.kill(zygote ?? 0, "SIGKILL");
      await server.until("another zygote", () =>
        childrenOf(gateway).some((pid) => !own.includes(pid) && childrenOf(pid).length > 0),
      );
      assert.equal((await rawRequest(server.port, get("/facts"))).status, 200);
    }

    test("orphans are reaped, whatever status they end with", async () => {
      const command = [...SUBREAPER, PORTICO, ...bind, ...site, reference];
      const server = await startServer("python3", command);
      await leavesOrphans(server, server.pid);
      assert.deepEqual(await server.stop(), { status: 0, signal: null });
    });

    if (!hasNamespaces) return;

    test("as PID 1", async () => {
      const namespace = ["--pid", "--fork", "--mount-proc", "--kill-child"];
      const server = await startServer("unshare", [
        ...namespace,
        PORTICO,
        ...bind,
        ...site,
        reference,
      ]);
      assert.match(server.stdout, /PID 1,/);
      const [gateway = 0] = childrenOf(server.pid);
      await leavesOrphans(server, gateway);
      // Its end would be the container's.
      process.kill(gateway, "SIGUSR2");
      await server.until("the refusal", () => /no successor is started/.test(server.stderr));
      process.kill(gateway, "SIGTERM");
      assert.deepEqual(await server.ended, { status: 0, signal: null });
      await server.stop();
    });

    test("read-only, as a user without a name", async () => {
      const program = [PORTICO, ...bind, ...site];
      const start = ["--mount", "sh", "-ec", READ_ONLY, "sh", ...program];
      const python = ["--python", everyonesPython()];
      if (transport === "node") {
        // Its links to workers are files.
        const end = await runToEnd("unshare", [...start, ...python, reference]);
        assert.equal(end.status, 1);
        assert.match(end.stderr, /^portico: [^\n]*TMPDIR[^\n]*\n$/);
        return;
      }
      await using server = await startServer("unshare", [...start, ...python, reference], {
        env: { TMPDIR: undefined },
      });
      assert.equal((await rawRequest(server.port, get("/facts"))).status, 200);
      const small = await rawRequest(server.port, post("/facts", "x".repeat(SMALL_BYTES)));
      assert.equal(small.status, 200);
      const large = await rawRequest(server.port, put("/facts", "x".repeat(LARGE_BYTES)));
      assert.equal(large.status, 507);
      await server.until("the reason", () => /status=507.*EROFS/.test(server.stderr));
      const after = await rawRequest(server.port, get("/facts"));
      assert.deepEqual((JSON.parse(after.text) as { uids: number[] }).uids, [54321, 54321, 54321]);
    });
  });
}
