/** Folders that a runtime folder may turn out to be, with real files. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { spawnSync } from "node:child_process";
import {
  type ControlPlace,
  distrust,
  placeAt,
  placeInRuntimeFolder,
  runtimeFolders,
  searchedFolders,
  socketsIn,
} from "../../../src/server/control/control-place.ts";

const UID = process.geteuid?.() ?? 0;
const SOMEBODY_ELSE = UID + 1_000;

let folder: string;
let servers: Server[];

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "portico-place-")));
  servers = [];
});

afterEach(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

function listen(path: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  return new Promise((resolve) => server.listen(path, resolve));
}

/** A socket file that nobody listens at, as a process leaves it that was killed. */
function leaveSocket(path: string): void {
  const code = `require("net").createServer().listen(${JSON.stringify(path)}, () => {
    process.kill(process.pid, "SIGKILL");
  })`;
  spawnSync(process.execPath, ["-e", code]);
  assert.equal(lstatSync(path).isSocket(), true);
}

/** A PID that was somebody's a moment ago. */
function deadPid(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

function place(env: NodeJS.ProcessEnv, pid = 4711): Promise<ControlPlace> {
  return placeInRuntimeFolder({ env, uid: UID }, pid);
}

describe("which folder", () => {
  const last = join(tmpdir(), "portico-1000");

  test("systemd's first, and the first that it names", () => {
    const env = { RUNTIME_DIRECTORY: "/run/shop:/run/other", XDG_RUNTIME_DIR: "/run/user/1000" };
    assert.deepEqual(runtimeFolders({ env, uid: 1000 }), [
      "/run/shop",
      "/run/user/1000/portico",
      last,
    ]);
  });

  test("root has the system's", () => {
    const folders = runtimeFolders({ env: {}, uid: 0 });
    assert.deepEqual(folders, ["/run/portico", join(tmpdir(), "portico-0")]);
  });

  test("a variable that is empty or no absolute path is none", () => {
    const env = { RUNTIME_DIRECTORY: "", XDG_RUNTIME_DIR: "relative" };
    assert.deepEqual(runtimeFolders({ env, uid: 1000 }), [last]);
  });
});

describe("making it", () => {
  test("a new folder is its owner's alone", async () => {
    const found = await place({ XDG_RUNTIME_DIR: folder });
    const made = join(folder, "portico");
    assert.deepEqual(found, { kind: "path", path: join(made, "portico-4711.sock") });
    assert.equal(lstatSync(made).mode & 0o777, 0o700);
  });

  test("one that is there is used and left as it is", async () => {
    chmodSync(folder, 0o755);
    const found = await place({ RUNTIME_DIRECTORY: folder });
    assert.deepEqual(found, { kind: "path", path: join(folder, "portico-4711.sock") });
    assert.equal(lstatSync(folder).mode & 0o777, 0o755);
  });

  const isRefused = async (path: string, why: RegExp): Promise<void> => {
    assert.match(distrust(path, UID) ?? "", why);
    // The next one that can be used takes its place.
    const found = await place({ RUNTIME_DIRECTORY: path, XDG_RUNTIME_DIR: folder });
    assert.deepEqual(found, { kind: "path", path: join(folder, "portico", "portico-4711.sock") });
  };

  test("a symbolic link is not followed", async () => {
    mkdirSync(join(folder, "real"));
    symlinkSync(join(folder, "real"), join(folder, "link"));
    await isRefused(join(folder, "link"), /is no folder/);
    assert.deepEqual(socketsIn(join(folder, "real")), []);
  });

  test("a file is no folder", async () => {
    writeFileSync(join(folder, "file"), "");
    await isRefused(join(folder, "file"), /is no folder/);
  });

  test("one that others may write to is not used", async () => {
    const open = join(folder, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    await isRefused(open, /others may write/);
  });

  test("somebody else's is not used", async () => {
    const theirs = join(folder, "theirs");
    mkdirSync(theirs);
    if (UID === 0) {
      chownSync(theirs, SOMEBODY_ELSE, SOMEBODY_ELSE);
      await isRefused(theirs, /belongs to another user/);
    } else {
      assert.match(distrust("/", UID) ?? "", /belongs to another user/);
    }
  });

  test("what cannot be made is said, with its reason", async () => {
    const long = join(folder, "x".repeat(80));
    mkdirSync(long);
    assert.match(distrust(join(folder, "missing"), UID) ?? "", /there is no folder/);
    const found = await placeAt(join(long, "portico-4711.sock"));
    assert(found.kind === "none");
    assert.match(found.why, /longer than the 107 bytes/);
  });
});

describe("what is there already", () => {
  test("sockets of dead processes are removed, nobody else's", async () => {
    const dead = deadPid();
    const stale = join(folder, `portico-${dead}.sock`);
    const left = join(folder, `portico-${dead}.sock.${dead}`);
    const alive = join(folder, `portico-${process.pid}.sock`);
    const unknown = join(folder, "portico-x.sock");
    const web = join(folder, "web.sock");
    for (const path of [stale, left, web]) leaveSocket(path);
    writeFileSync(unknown, "");
    await listen(alive);
    await place({ RUNTIME_DIRECTORY: folder });
    assert.deepEqual(
      [stale, left, alive, unknown, web].map((path) => existsSync(path)),
      [false, false, true, true, true],
    );
  });

  test("one that is answered stays, whatever its name says", async () => {
    // As where two containers share a folder, and each has its own PIDs.
    const other = join(folder, `portico-${deadPid()}.sock`);
    await listen(other);
    await place({ RUNTIME_DIRECTORY: folder });
    assert.equal(existsSync(other), true);
    const found = await placeAt(other);
    assert(found.kind === "none");
    assert.match(found.why, /somebody answers/);
  });

  test("one that a dead process of our own PID left is taken", async () => {
    leaveSocket(join(folder, `portico-${process.pid}.sock`));
    const found = await place({ RUNTIME_DIRECTORY: folder }, process.pid);
    assert.equal(found.kind, "path");
  });

  test("a file that is no socket is not taken", async () => {
    const file = join(folder, "precious");
    writeFileSync(file, "precious");
    const found = await placeAt(file);
    assert(found.kind === "none");
    assert.match(found.why, /is no socket/);
  });
});

describe("looking for others", () => {
  test("in the folders that can be believed", () => {
    const session = join(folder, "portico");
    mkdirSync(session, { mode: 0o700 });
    const viewer = { env: { XDG_RUNTIME_DIR: folder, RUNTIME_DIRECTORY: "/nowhere" }, uid: UID };
    const folders = searchedFolders(viewer);
    assert(folders.includes(session));
    assert(!folders.includes("/nowhere"));
    chmodSync(session, 0o777);
    assert(!searchedFolders(viewer).includes(session));
  });

  test("by PID, in order", () => {
    for (const name of ["portico-20.sock", "portico-3.sock", "portico-0.sock", "other.sock"]) {
      writeFileSync(join(folder, name), "");
    }
    assert.deepEqual(
      socketsIn(folder).map(({ pid }) => pid),
      [3, 20],
    );
    assert.deepEqual(socketsIn(join(folder, "missing")), []);
  });
});
