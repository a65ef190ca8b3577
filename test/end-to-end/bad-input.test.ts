/** Operators' mistakes and clients' garbage: the table of bad input, each with its outcome. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { APPLICATIONS, type Exercise, get, startExercise, TRANSPORTS } from "./exercise.ts";
import { statusOf } from "./process-tree.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import { runPortico } from "./server-process.ts";

const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n";

describe("an operator's mistake is one clear line", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "portico-mistakes-"));
    const modules: Record<string, string> = {
      "hello.py": "def app(environ, start_response): pass\nnot_callable = 3\n",
      "raises.py": "def broken():\n    raise RuntimeError('at import')\nbroken()\n",
      "missing.py": "import no_such_dependency\n",
      "asgi.py": "async def app(scope, receive, send): pass\n",
      "unprintable.py":
        "class Unprintable(Exception):\n    def __str__(self): raise ValueError\n" +
        "raise Unprintable\n",
      "exits.py": "import sys\nsys.exit(5)\n",
      "forked.py":
        "import os\nos.register_at_fork(after_in_child=lambda: os._exit(9))\n" +
        "def app(environ, start_response): pass\n",
      "scales.py": "",
      "factory.py": "def create_app():\n    raise KeyError('configuration')\n",
    };
    for (const [name, text] of Object.entries(modules))
      writeFileSync(path.join(folder, name), text);
  });
  after(() => rmSync(folder, { recursive: true }));

  const cases: [args: string[], status: number, says: RegExp, traceback?: true][] = [
    [["helo:app"], 3, /helo.*hello/],
    [["hello:ap"], 4, /ap.*app/],
    [["hello:not_callable"], 4, /not_callable.*not callable|callable/],
    [["raises:app"], 3, /raises/, true],
    [["missing:app"], 3, /no_such_dependency/, true],
    [["exits:app"], 3, /exit/i, true],
    [["asgi:app"], 4, /ASGI/],
    [["forked:app"], 3, /workers do not start: they end with status 9/],
    [["factory:create_app()"], 3, /configuration|create_app/, true],
    [["hello:app("], 4, /hello:app\(/],
    [[], 2, /which application/],
    [["--wrokers", "2", "hello:app"], 2, /--workers/],
    [["--workers", "0", "hello:app"], 2, /1.*512/],
    [["--workers", "many", "hello:app"], 2, /--workers/],
    [["--bind"], 2, /--bind/],
    [["--bind", "127.0.0.1:99999", "hello:app"], 2, /99999/],
    [["--python", "/no/such/python", "hello:app"], 2, /\/no\/such\/python/],
    [["--chdir", "/no/such/folder", "hello:app"], 2, /\/no\/such\/folder/],
    [["--pythonpath", "/no/such/folder", "hello:app"], 2, /\/no\/such\/folder/],
    [["--python", "/bin/true", "hello:app"], 3, /\/bin\/true exited with status 0/],
    [["unprintable:app"], 3, /unprintable could not be imported: Unprintable$/, true],
    [["--bind", "no-such-host.invalid:80", "hello:app"], 1, /no-such-host\.invalid/],
    [["--bind", "unix:/no/such/folder/s", "hello:app"], 1, /\/no\/such\/folder/],
    [["hello:app", "other:app"], 2, /other:app/],
    [["--livez", "/up", "--readyz", "/up", "hello:app"], 2, /--livez and --readyz are both \/up/],
    [["relaod"], 2, /no module of that name in .* nearest command is portico reload$/],
    [["restart"], 2, /nearest command is portico reload$/],
    // Nearly a command, and a module that only Python knows where to find.
    [["stat"], 4, /stat/],
    [["--chdir", "/no/such/folder", "shop"], 2, /there is no such folder/],
    [["--certfile", "x", "hello:app"], 2, /^portico: there is no --certfile: .*without TLS/],
    [["-t", "30", "hello:app"], 2, /here it is --timeout/],
    // It is not on the list of commands, but on the disk.
    [["scales"], 4, /scales/],
  ];
  for (const [args, status, says, traceback] of cases) {
    test(`portico ${args.join(" ")}: ${status}`, async () => {
      const inFolder = args.includes("--chdir") ? args : ["--chdir", folder, ...args];
      const bound = args.includes("--bind") ? [] : ["--bind", "127.0.0.1:0"];
      const end = await runPortico([...bound, ...(args.length === 0 ? [] : inFolder)]);
      assert.equal(end.status, status, end.stderr);
      const [first = "", ...more] = end.stderr.trimEnd().split("\n");
      assert.match(first, says);
      assert.match(first, /^portico: /);
      assert.equal(end.stdout, "");
      if (traceback) {
        assert.match(end.stderr, /Traceback/);
        assert.doesNotMatch(end.stderr, /portico_worker|importlib\._bootstrap/);
      } else {
        assert.deepEqual(more, []);
      }
    });
  }

  for (const [args, meant] of [
    [["relaod", "--watch"], "reload"],
    [["stauts", "--json"], "status"],
    [["scael", "3"], "scale"],
  ] as const) {
    test(`portico ${args.join(" ")}: the command that was meant`, async () => {
      const end = await runPortico([...args]);
      assert.equal(end.status, 2);
      const hint = `(${args[0]} is no command; the nearest is portico ${meant})\n`;
      assert.ok(end.stderr.endsWith(hint), end.stderr);
    });
  }

  test("a port in use: 1, and the remedy", async () => {
    await using exercise = await startExercise("epoll", ["--workers", "1"]);
    const end = await runPortico([
      "--bind",
      `127.0.0.1:${exercise.port}`,
      "--chdir",
      APPLICATIONS,
      "exercise:app",
    ]);
    assert.equal(end.status, 1);
    assert.match(end.stderr, new RegExp(`^portico: .*127\\.0\\.0\\.1:${exercise.port}`));
    assert.equal(end.stderr.trimEnd().split("\n").length, 1);
  });

  test("a port in use: the interpreter that was started ahead is gone, too", async () => {
    await using exercise = await startExercise("epoll", ["--workers", "1"]);
    const [python, pidFile] = [path.join(folder, "python"), path.join(folder, "pid")];
    const lines = ["#!/bin/sh", `echo $$ > '${pidFile}'`, `exec python3 "$@"`, ""];
    writeFileSync(python, lines.join("\n"), { mode: 0o755 });
    const bind = ["--bind", `127.0.0.1:${exercise.port}`];
    const end = await runPortico([...bind, "--chdir", folder, "--python", python, "hello:app"]);
    assert.equal(end.status, 1, end.stderr);
    // On a busy machine it may have been ended before it wrote anything.
    if (!existsSync(pidFile)) return;
    const pid = Number(readFileSync(pidFile, "utf8"));
    const goneByMs = performance.now() + 5_000;
    while (!["Z", undefined].includes(statusOf(pid)?.state)) {
      assert.ok(performance.now() < goneByMs, `PID ${pid} is still there`);
      await pause(20);
    }
  });
});

for (const transport of TRANSPORTS) {
  describe(`a client's garbage, by ${transport}`, () => {
    let exercise: Exercise;
    before(async () => {
      exercise = await startExercise(transport, [
        "--workers",
        "1",
        "--limit-request-head",
        "4k",
        "--limit-request-fields",
        "20",
        "--limit-request-body",
        "100k",
        "--limit-request-line",
        "1k",
      ]);
    });
    after(() => exercise[Symbol.asyncDispose]());

    const cases: [name: string, bytes: string, status: number][] = [
      ["words", "what is this\r\n\r\n", 400],
      ["a TLS client hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
      ["an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
      ["a NUL in the head", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400],
      ["a bare CR in the head", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400],
      [
        "two lengths",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        400,
      ],
      [
        "a length and a coding",
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n${CHUNKED}0\r\n\r\n`,
        400,
      ],
      ["a line over its limit", `GET /${"a".repeat(2000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
      ["a head over its limit", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"b".repeat(9000)}\r\n\r\n`, 431],
      ["too many fields", `GET / HTTP/1.1\r\nHost: a\r\n${"X: 1\r\n".repeat(30)}\r\n`, 431],
      [
        "a content over its limit",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n",
        413,
      ],
      [
        "a chunked content over its limit",
        `POST /echo HTTP/1.1\r\nHost: a\r\n${CHUNKED}20000\r\n${"x".repeat(131_072)}\r\n0\r\n\r\n`,
        413,
      ],
    ];
    for (const [name, bytes, status] of cases) {
      test(`${name}: ${status} and close`, async () => {
        using client = await RawClient.connect(exercise.port);
        const response = await client.exchange(bytes);
        assert.equal(response.status, status);
        assert.equal(response.field("Connection"), "close");
        assert.equal((await client.readToEnd()).length, 0);
      });
    }

    test("a content that the client cuts short never reaches the application", async () => {
      const client = await RawClient.connect(exercise.port);
      client.write("POST /die HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
      client.endWriting();
      await client.readToEnd();
      client.close();
      assert.equal((await rawRequest(exercise.port, get("/hello"))).status, 200);
      assert.deepEqual(exercise.notes(), []);
    });

    test("the log has no byte of a client unescaped", () => {
      assert.doesNotMatch(exercise.server.stderr, /[^\x20-\x7e\n]/);
    });
  });
}
