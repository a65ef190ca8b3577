/** The stories of docs/observe.md: their application makes the trouble that they tell of. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { get } from "./exercise.ts";
import { rawRequest } from "./raw-client.ts";
import { PROJECT_FOLDER, type ServerProcess, startPortico } from "./server-process.ts";

function startTroubles(args: readonly string[]): Promise<ServerProcess> {
  const folder = path.join(PROJECT_FOLDER, "examples");
  return startPortico(["--workers", "1", ...args, "--chdir", folder, "troubles:app"]);
}

test("a slow view: the log tells it from the pages that wait for it", async () => {
  await using server = await startTroubles(["--access-log-format", "json"]);
  const report = rawRequest(server.port, get("/report"));
  // One of these stands behind the report, whichever comes first.
  for (let page = 0; page < 2; page++) {
    assert.equal((await rawRequest(server.port, get("/"))).text, "a page\n");
  }
  assert.equal((await report).text, "sold today: 42\n");
  const lines = (): string[] =>
    server.stdout.split("\n").filter((line) => line.startsWith('{"time"'));
  await server.until("three lines", () => lines().length === 3);
  const times = lines().map((line) => JSON.parse(line) as Record<string, number | string>);
  const [slow, ...others] = times.filter((line) => line["path"] === "/report");
  const pages = times.filter((line) => line["path"] === "/");
  assert.deepEqual([others.length, pages.length], [0, 2]);
  assert.ok(Number(slow?.["application_us"]) >= 2_000_000);
  assert.ok(pages.every((page) => Number(page["application_us"]) < 2_000_000));
  assert.ok(Math.max(...pages.map((page) => Number(page["queue_us"]))) > 1_000_000);
});

test("a leak: its worker is replaced, and its route is named", async () => {
  await using server = await startTroubles(["--max-rss", "40M"]);
  for (let question = 0; question < 250; question++) {
    const { text } = await rawRequest(server.port, get(`/search?q=${question}`));
    assert.equal(text, "200000 bytes found\n");
  }
  await server.untilLogged(/more memory than --max-rss .* grew="\/search by /);
});
