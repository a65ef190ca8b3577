/**
 * What programs that are not ours read in the access log of a server that runs, whatever bytes its
 * clients send.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { get, startExercise } from "./exercise.ts";
import { rawRequest } from "./raw-client.ts";
import { PROJECT_FOLDER } from "./server-process.ts";

const PYTHON = path.join(PROJECT_FOLDER, ".environments/frameworks/bin/python3");
const READER = path.join(import.meta.dirname, "read_access_log.py");

/** What was sent, and what came of it. */
interface Exchange {
  readonly target: string;
  readonly agent: string;
  readonly status: number;
}

/** Of one line, as the parser of another project found it. */
interface Found {
  readonly host: string;
  readonly user: string | null;
  readonly time: number;
  readonly request: string | null;
  readonly status: number;
  readonly bytes: number | null;
  readonly referer?: string | null;
  readonly agent?: string | null;
}

/** Every byte value in a target and in a field, each in a request of its own, in order. */
async function exchangeAll(port: number): Promise<Exchange[]> {
  const exchanges: Exchange[] = [];
  for (let code = 0; code < 256; code++) {
    const byte = String.fromCharCode(code);
    for (const [target, agent] of [
      [`/hello?a${byte}b`, "plain"],
      ["/hello", `a${byte}"b\\`],
    ] as const) {
      const { status } = await rawRequest(port, get(target, `User-Agent: ${agent}\r\n`));
      exchanges.push({ target, agent, status });
    }
  }
  return exchanges;
}

/** @returns what was sent, and the log's lines */
async function logOf(format: string): Promise<{ exchanges: Exchange[]; text: string }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "portico-readers-"));
  try {
    const file = path.join(folder, "access.log");
    const args = ["--workers", "1", "--access-log", file, "--access-log-format", format];
    await using exercise = await startExercise("epoll", args);
    const exchanges = await exchangeAll(exercise.port);
    await exercise.server.stop();
    return { exchanges, text: readFileSync(file, "latin1") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read(format: string, text: string): Found[] {
  const options = { input: text, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(PYTHON, [READER, format], options);
  assert.equal(status, 0, stderr);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Found);
}

for (const format of ["common", "combined"]) {
  test(`${format}: a log analyser finds every byte that was sent`, async () => {
    const begun = Math.floor(Date.now() / 1_000);
    const { exchanges, text } = await logOf(format);
    const lines = read(format, text);
    assert.equal(lines.length, exchanges.length);
    for (const [index, { target, agent, status }] of exchanges.entries()) {
      const line = lines[index];
      assert.ok(line !== undefined);
      assert.deepEqual([line.host, line.user, line.status], ["127.0.0.1", null, status]);
      assert.ok(line.time >= begun && line.time <= Date.now() / 1_000);
      if (status !== 200) continue;
      assert.equal(line.request, `GET ${target} HTTP/1.1`);
      assert.equal(line.bytes, 6);
      if (format === "combined") assert.deepEqual([line.referer, line.agent], [null, agent]);
    }
    assert.ok(exchanges.filter(({ status }) => status === 200).length > 256);
  });
}

test("json: a JSON parser finds every byte that was sent", async () => {
  const { exchanges, text } = await logOf("json");
  const lines = text.trimEnd().split("\n");
  assert.equal(lines.length, exchanges.length);
  for (const [index, { target, agent, status }] of exchanges.entries()) {
    const line = JSON.parse(lines[index] ?? "") as Record<string, unknown>;
    assert.equal(line["status"], status);
    if (status !== 200) continue;
    const { method, path: found, query, user_agent: foundAgent } = line;
    const sent = query === "" ? found : `${String(found)}?${String(query)}`;
    assert.deepEqual([method, sent, foundAgent], ["GET", target, agent]);
  }
});
