/** wget: one connection for several files, a download that goes on where it was cut, a form. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { requireProgram } from "../../system-programs.ts";
import { type Exercise, startExercise, TRANSPORTS } from "../exercise.ts";
import { type ClientEnd, runClient } from "./client-program.ts";

const SIZE = 3_000_000;
/** One try, and no proxy of the environment. */
const PLAIN = ["--no-proxy", "--no-config", "--tries=1", "--timeout=20"];

const wget = requireProgram("wget");

if (wget !== null) {
  for (const transport of TRANSPORTS) {
    describe(`wget, by ${transport}`, () => {
      let exercise: Exercise;
      let folder: string;
      before(async () => {
        folder = mkdtempSync(path.join(os.tmpdir(), "portico-wget-"));
        exercise = await startExercise(transport, ["--workers", "2"], "app", "downloads");
      });
      after(async () => {
        await exercise[Symbol.asyncDispose]();
        rmSync(folder, { recursive: true });
      });

      const url = (target: string): string => `${exercise.server.origin}${target}`;
      const run = (...args: string[]): Promise<ClientEnd> =>
        runClient(wget, [...PLAIN, ...args], { cwd: folder });

      test("several files come over one connection", async () => {
        const end = await run("-O", "-", url("/hello"), url("/stream?n=2&s=0"), url("/hello"));
        assert.equal(end.status, 0, end.stderr);
        assert.equal(end.text, "hello\npiece 0\npiece 1\nhello\n");
        assert.equal(end.stderr.match(/^Reusing existing connection/gm)?.length, 2, end.stderr);
      });

      test("--no-http-keep-alive: each has its own", async () => {
        const end = await run("--no-http-keep-alive", "-O", "-", url("/hello"), url("/hello"));
        assert.equal(end.text, "hello\nhello\n");
        assert.doesNotMatch(end.stderr, /Reusing/);
      });

      test("-c: a download goes on where it was cut", async () => {
        const target = url(`/ranges?size=${SIZE}`);
        const whole = await run("-O", "-", target);
        assert.equal(whole.stdout.length, SIZE);
        const named = path.join(folder, "cut");
        writeFileSync(named, whole.stdout.subarray(0, 1_234_567));
        const rest = await run("-c", "-O", named, target);
        assert.equal(rest.status, 0, rest.stderr);
        assert.match(rest.stderr, /206 Partial Content/);
        assert.deepEqual(readFileSync(named), whole.stdout);
        const nothing = await run("-c", "-O", named, target);
        assert.equal(nothing.status, 0, nothing.stderr);
        assert.match(nothing.stderr, /nothing to do/);
      });

      test("--post-file, and --spider", async () => {
        const named = path.join(folder, "form");
        writeFileSync(named, "a=1&b=2\n".repeat(20_000));
        const end = await run("-O", "-", `--post-file=${named}`, url("/echo"));
        assert.equal(end.status, 0, end.stderr);
        assert.deepEqual(end.stdout, readFileSync(named));
        const spider = await run("--spider", "-S", url("/large?size=77"));
        assert.equal(spider.status, 0, spider.stderr);
        assert.match(spider.stderr, /Content-Length: 77/);
      });
    });
  }
}
