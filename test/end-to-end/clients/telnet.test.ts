/**
 * telnet on a real terminal, typed key by key: lines arrive one at a time, with the line ends that
 * telnet makes of the keys (CRLF of Enter, CR NUL of a quoted carriage return).
 */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { requireProgram } from "../../system-programs.ts";
import { type Exercise, startExercise, TRANSPORTS } from "../exercise.ts";
import { runClient } from "./client-program.ts";

const TYPIST = path.join(import.meta.dirname, "typist.py");
const KEY_PAUSE_S = 0.004;
const KEEP_ALIVE_S = 2;
const HEADER_TIMEOUT_S = 2;
/** On a terminal: the next key is taken as it is. */
const QUOTE = "\x16";
const ESCAPE = "\x1d";

type Step = { readonly type: string; readonly pause: number } | { readonly await: string | null };

const type = (text: string): Step => ({ type: text, pause: KEY_PAUSE_S });
const CONNECTED: Step = { await: "Escape character is" };
const CLOSED: Step = { await: "Connection closed by foreign host." };

const telnet = requireProgram("telnet");
const python = requireProgram("python3");

if (telnet !== null && python !== null) {
  for (const transport of TRANSPORTS) {
    describe(`telnet, by ${transport}`, { concurrency: true }, () => {
      let exercise: Exercise;
      before(async () => {
        const times = [
          "--keep-alive",
          `${KEEP_ALIVE_S}s`,
          "--header-timeout",
          `${HEADER_TIMEOUT_S}s`,
        ];
        exercise = await startExercise(transport, ["--workers", "1", ...times]);
      });
      after(() => exercise[Symbol.asyncDispose]());

      /** @returns what stood on the screen, with the line ends of a terminal */
      const dial = async (...steps: Step[]): Promise<string> => {
        const command = [TYPIST, telnet, "127.0.0.1", String(exercise.port)];
        const end = await runClient(python, command, {
          input: JSON.stringify([CONNECTED, ...steps]),
        });
        assert.equal(end.status, 0, `${end.stderr}\nOn the screen:\n${end.text}`);
        return end.text;
      };

      test("two requests by hand, one with content, and a close that was asked for", async () => {
        const screen = await dial(
          type("GET /hello HTTP/1.1\nHost: here\n\n"),
          { await: "hello\r\n" },
          // The line end behind the content is one that people type: it is skipped.
          type("POST /echo HTTP/1.1\nHost: here\nContent-Length: 3\n\nabc\n"),
          { await: "X-Length: 3" },
          type("GET /hello HTTP/1.1\nHost: here\nConnection: close\n\n"),
          CLOSED,
        );
        assert.equal(screen.match(/^HTTP\/1\.1 200 OK\r$/gm)?.length, 3, screen);
      });

      test("HTTP/1.0 without any field", async () => {
        const screen = await dial(type("GET /hello HTTP/1.0\n\n"), CLOSED);
        assert.match(screen, /HTTP\/1\.1 200 OK[^]*hello/);
      });

      test("a quoted carriage return comes as CR NUL: 400", async () => {
        const request = `GET /hello HTTP/1.1\nHost: here\nX: a${QUOTE}\rb\n`;
        const screen = await dial(type(request), CLOSED);
        assert.match(screen, /HTTP\/1\.1 400 Bad Request/);
        assert.doesNotMatch(screen, /hello\r\n/);
      });

      test("telnet's own option bytes are no request: 400", async () => {
        const screen = await dial(
          type(ESCAPE),
          { await: "telnet>" },
          type("mode character\n"),
          CLOSED,
        );
        assert.match(screen, /HTTP\/1\.1 400 Bad Request/);
      });

      test("who stops typing within a head reads 408", async () => {
        const screen = await dial(type("GET /hello HTTP/1.1\nHost: here\n"), CLOSED);
        assert.match(screen, /HTTP\/1\.1 408 Request Timeout/);
      });

      test("who types nothing, or nothing more, is told nothing", async () => {
        const [nothing, screen] = await Promise.all([
          dial(CLOSED),
          dial(type("GET /hello HTTP/1.1\nHost: here\n\n"), CLOSED),
        ]);
        assert.doesNotMatch(nothing, /HTTP\/1\.1/);
        assert.equal(screen.match(/HTTP\/1\.1 \d/g)?.length, 1, screen);
      });
    });
  }
}
