/** curl, by the options that change how it speaks HTTP. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { requireProgram } from "../../system-programs.ts";
import { type Exercise, get, startExercise, TRANSPORTS } from "../exercise.ts";
import { rawRequest } from "../raw-client.ts";
import { type ClientEnd, type ClientOptions, runClient } from "./client-program.ts";

const MEBIBYTE = 1_048_576;
const BODY_LIMIT_BYTES = MEBIBYTE;
/** Written behind each answer: what curl saw of the connection. */
const TELL = "\n%{http_code} %{http_version} connects=%{num_connects}\n";
/** Of curl's exit statuses, that of a time that was over. */
const TIMED_OUT = 28;
/** curl's own bound on one run, so that a hang is told from a slow machine. */
const CURL_TIMEOUT_S = 30;

const curl = requireProgram("curl");

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

if (curl !== null) {
  for (const transport of TRANSPORTS) {
    describe(`curl, by ${transport}`, () => {
      let exercise: Exercise;
      let folder: string;
      before(async () => {
        folder = mkdtempSync(path.join(os.tmpdir(), "portico-curl-"));
        exercise = await startExercise(
          transport,
          ["--workers", "2", "--limit-request-body", String(BODY_LIMIT_BYTES)],
          "app",
          "downloads",
        );
      });
      after(async () => {
        await exercise[Symbol.asyncDispose]();
        rmSync(folder, { recursive: true });
      });

      const url = (target: string): string => `${exercise.server.origin}${target}`;
      const run = (args: readonly string[], options: ClientOptions = {}): Promise<ClientEnd> =>
        runClient(curl, ["-sS", "--max-time", String(CURL_TIMEOUT_S), ...args], options);
      /** A file of bytes that differ. */
      const file = (name: string, size: number): string => {
        const named = path.join(folder, name);
        writeFileSync(
          named,
          Buffer.alloc(size, Buffer.from(Array.from({ length: 251 }, (_, at) => at))),
        );
        return named;
      };

      test("--http1.0: whole answers, each with its own end, and no chunks", async () => {
        const sized = await run(["--http1.0", "-i", url("/hello")]);
        assert.equal(sized.status, 0, sized.stderr);
        assert.match(sized.text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nhello\n$/);
        const unsized = await run(["--http1.0", "-i", url("/stream?n=3&s=0")]);
        assert.equal(unsized.status, 0, unsized.stderr);
        assert.doesNotMatch(unsized.text, /transfer-encoding/i);
        assert.match(unsized.text, /\r\n\r\npiece 0\npiece 1\npiece 2\n$/);
      });

      test("--http1.0 with keep-alive: the connection is used again", async () => {
        const end = await run([
          "--http1.0",
          "-H",
          "Connection: keep-alive",
          "-w",
          TELL,
          url("/hello"),
          url("/hello"),
        ]);
        assert.equal(end.text, "hello\n\n200 1.1 connects=1\nhello\n\n200 1.1 connects=0\n");
      });

      test("--next: requests of every kind share a connection", async () => {
        const parts = [
          [url("/hello")],
          ["-I", url("/large")],
          ["-d", "a=1", url("/echo")],
          ["-X", "TRACE", "-o", os.devNull, url("/hello")],
          ["-T", "-", url("/echo")],
          [url("/status?code=204"), url("/status?code=304")],
          [url("/stream?n=1&s=0")],
        ];
        const end = await run(
          parts.flatMap((part) => ["-sS", "-w", TELL, ...part, "--next"]).slice(0, -1),
        );
        assert.equal(end.status, 0, end.stderr);
        const told = end.text.match(/^\d{3} \S+ connects=\d$/gm);
        assert.deepEqual(told, [
          "200 1.1 connects=1",
          ...[200, 200, 501, 200, 204, 304, 200].map((status) => `${status} 1.1 connects=0`),
        ]);
      });

      test("-I: the fields of GET and no content", async () => {
        const head = await run(["-I", url("/large?size=5000")]);
        const full = await run(["-i", url("/large?size=5000")]);
        const fields = (text: string): string =>
          text.slice(0, text.indexOf("\r\n\r\n")).replace(/^Date: .*$/m, "");
        assert.equal(fields(head.text), fields(full.text));
        assert(head.text.endsWith("\r\n\r\n"), head.text);
        assert.equal(full.stdout.length, full.text.indexOf("\r\n\r\n") + 4 + 5000);
      });

      test("--expect100-timeout: a large content waits for 100, and comes whole", async () => {
        const body = file("expected", BODY_LIMIT_BYTES);
        const waits = ["-H", "Expect: 100-continue", "--expect100-timeout", "25"];
        const end = await run(["-v", ...waits, "--data-binary", `@${body}`, url("/echo")]);
        assert.equal(end.status, 0, end.stderr);
        assert.match(end.stderr, /^< HTTP\/1\.1 100 Continue/m);
        assert.match(end.stderr, /^< HTTP\/1\.1 200 OK/m);
        assert.equal(sha256(end.stdout), sha256(readFileSync(body)));
        assert(end.tookMs < 20_000, `it was not told to go on: ${end.tookMs} ms`);
      });

      test("Expect without content, and with another expectation", async () => {
        const none = await run(["-v", "-H", "Expect: 100-continue", url("/hello")]);
        assert.equal(none.text, "hello\n");
        assert.doesNotMatch(none.stderr, /100 Continue/);
        const other = await run(["-w", TELL, "-H", "Expect: 200-ok", "-d", "a", url("/echo")]);
        assert.match(other.text, /\n417 1\.1 connects=1\n$/);
      });

      test("-T -: what comes by a pipe is sent in chunks, and arrives whole", async () => {
        const input = readFileSync(file("piped", 700_001));
        const end = await run(["-i", "-T", "-", url("/echo")], { input });
        assert.equal(end.status, 0, end.stderr);
        const at = end.stdout.lastIndexOf("\r\n\r\n") + 4;
        assert.equal(sha256(end.stdout.subarray(at)), sha256(input));
        assert.match(end.text, /^X-Length: 700001\r$/m);
      });

      test("-F: a form with a file", async () => {
        const body = file("form.bin", 300_000);
        const end = await run(["-F", "name=value", "-F", `file=@${body}`, url("/echo")]);
        assert.equal(end.status, 0, end.stderr);
        assert(end.stdout.includes(readFileSync(body)));
      });

      test("--http2: the offer to upgrade is not taken: an HTTP/1.1 answer", async () => {
        const end = await run(["--http2", "-w", TELL, url("/hello"), url("/hello")]);
        assert.equal(end.text, "hello\n\n200 1.1 connects=1\nhello\n\n200 1.1 connects=0\n");
        const posted = await run(["--http2", "-v", "-d", "x=1", url("/echo")]);
        assert.match(posted.stderr, /^> Upgrade: h2c/m);
        assert.equal(posted.text, "x=1");
      });

      test("--http2-prior-knowledge: refused at once, and not by a reset", async () => {
        const end = await run(["--http2-prior-knowledge", url("/hello")]);
        assert(end.status !== 0 && end.status !== TIMED_OUT, `exit status ${end.status}`);
        assert(end.tookMs < 5_000, `${end.tookMs} ms`);
        assert.doesNotMatch(end.stderr, /reset/i);
      });

      test("--path-as-is: dot segments reach the application as they were sent", async () => {
        const sent = async (args: string[]): Promise<string> => {
          const end = await run([...args, url("/a/../b/./%2e%2e/c%2Fd//")]);
          const { strings } = JSON.parse(end.text) as { strings: Record<string, string> };
          return `${strings["PATH_INFO"]} ${strings["REQUEST_URI"] ?? strings["RAW_URI"]}`;
        };
        assert.equal(await sent(["--path-as-is"]), "/a/../b/./../c/d// /a/../b/./%2e%2e/c%2Fd//");
        assert.match(await sent([]), /^\/b\//);
      });

      test("-r: ranges are the application's", async () => {
        const whole = await run([url("/ranges?size=10000")]);
        assert.equal(whole.stdout.length, 10_000);
        for (const [range, begin, end] of [
          ["0-99", 0, 100],
          ["9000-", 9000, 10_000],
          ["-1", 9999, 10_000],
        ] as const) {
          const part = await run(["-w", TELL, "-r", range, url("/ranges?size=10000")]);
          const content = part.stdout.subarray(0, end - begin);
          assert.deepEqual(content, whole.stdout.subarray(begin, end), range);
          assert.equal(part.stdout.subarray(end - begin).toString(), "\n206 1.1 connects=1\n");
        }
        const none = await run(["-w", TELL, "-r", "10000-", url("/ranges?size=10000")]);
        assert.equal(none.text, "\n416 1.1 connects=1\n");
      });

      test("--raw: the chunked coding as it was sent", async () => {
        const end = await run(["--raw", url("/stream?n=3&s=0")]);
        assert.match(end.text, /^(?:8\r\npiece \d\n\r\n){3}0\r\n\r\n$/);
      });

      test("--limit-rate: a slow reader gets all of it", async () => {
        const end = await run(["--limit-rate", "2M", url("/ranges?size=2000000")]);
        const fast = await run([url("/ranges?size=2000000")]);
        assert.equal(end.status, 0, end.stderr);
        assert.equal(end.stdout.length, 2_000_000);
        assert.equal(sha256(end.stdout), sha256(fast.stdout));
      });

      test("--max-filesize, and a client that goes away: the application is told", async () => {
        const end = await run(["--max-filesize", "1000", url("/large?size=30000000")]);
        assert.equal(end.status, 63, end.stderr);
        const child = spawn(curl, ["-sS", url("/endless")], {
          stdio: ["ignore", "pipe", "ignore"],
        });
        let received = 0;
        for await (const bytes of child.stdout) {
          received += (bytes as Buffer).length;
          if (received > MEBIBYTE) break;
        }
        child.kill("SIGKILL");
        const closed = (name: string) => () => exercise.notes().includes(name);
        await exercise.server.until("its end", closed("endless"));
        await exercise.server.until("the end of the other", closed("large"));
        assert.equal((await rawRequest(exercise.port, get("/hello"))).status, 200);
      });

      for (const [name, args] of [
        ["with Expect", ["-H", "Expect: 100-continue"]],
        ["without Expect", ["-H", "Expect:"]],
        ["in chunks", ["-H", "Expect:", "-H", "Transfer-Encoding: chunked"]],
        ["by HTTP/1.0", ["--http1.0", "-H", "Expect:"]],
      ] as const) {
        test(`64 MiB where 1 MiB is allowed, ${name}: 413, and no reset`, async () => {
          const body = file("too-large", 64 * MEBIBYTE);
          const end = await run([...args, "-w", TELL, "-T", body, url("/echo")]);
          assert.equal(end.status, 0, end.stderr);
          assert.match(end.text, /^413 [^]*\n413 1\.1 connects=1\n$/);
        });
      }
    });
  }
}
