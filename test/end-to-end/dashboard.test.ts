/** `--dashboard` of the program itself, without a browser: when it is refused, and when it ends. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer, request, type IncomingMessage } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ProjectFolder } from "../server/development/project-folder.ts";
import { runPortico, startPortico } from "./server-process.ts";

const TOKEN = "0123456789abcdef0123";
const BEARER = { Authorization: `Bearer ${TOKEN}` };
const APPLICATION = `
import os
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(sorted(name for name in os.environ if name.startswith("PORTICO"))).encode()]
`;

describe("--dashboard", () => {
  let project: ProjectFolder;
  const args = (...more: string[]): string[] => [
    ...more,
    "--workers=1",
    "--control-socket=off",
    "--chdir",
    project.path,
    "app:app",
  ];

  beforeEach(() => {
    project = new ProjectFolder();
    project.write("app.py", APPLICATION);
  });
  afterEach(() => project[Symbol.dispose]());

  test("is refused, in a line, where others could reach it without a token", async () => {
    for (const address of [":0", "0.0.0.0:0", "[::]:0"]) {
      const { status, stderr } = await runPortico(args("--dashboard", address));
      assert.equal(status, 2);
      assert.match(stderr, /^portico: --dashboard: other machines .*PORTICO_DASHBOARD_TOKEN.*\n$/);
    }
    const short = await runPortico(args("--dashboard", ":0", "--dashboard-token", "short"));
    assert.equal(short.status, 2);
    assert.match(short.stderr, /16 to 256/);
    const passed = await runPortico(args("--dashboard", "fd://3"));
    assert.equal(passed.status, 2);
    assert.match(passed.stderr, /^portico: --dashboard: .*\n$/);
  });

  test("is refused, in a line, where somebody is already", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const { status, stderr } = await runPortico(args("--dashboard", `127.0.0.1:${port}`));
    other.close();
    assert.equal(status, 1);
    assert.match(stderr, /^portico: cannot listen on 127\.0\.0\.1:\d+: .* with --dashboard\n$/m);
  });

  test("has a token that the application does not see, and holds no stop up", async () => {
    await using server = await startPortico(args("--dashboard", "127.0.0.1:0"), {
      env: { PORTICO_DASHBOARD_TOKEN: TOKEN },
    });
    const names = await (await fetch(server.origin)).text();
    assert.doesNotMatch(names, /DASHBOARD/);
    const url = /dashboard +(http:\S+)/.exec(server.stdout)?.[1] ?? "";
    assert.equal((await fetch(`${url}events`)).status, 401);
    const events = await fetch(`${url}events`, { headers: BEARER });
    assert.equal(events.status, 200);
    assert.deepEqual(await server.stop(), { status: 0, signal: null });
    await assert.rejects(events.text().then(() => fetch(url)));
  });

  test("on a Unix socket is reached there, whose file goes also after kill -9", async () => {
    const path = project.at("page.sock");
    await using server = await startPortico(args("--dashboard", `unix:${path}`));
    const asked = request({ socketPath: path, path: "/", headers: { Host: "localhost" } }).end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    asked.destroy();
    server.signal("SIGKILL");
    await server.ended;
    const deadline = performance.now() + 10_000;
    while (existsSync(path)) {
      assert.ok(performance.now() < deadline, "the file is still there");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});
