/** 103 (Early Hints): what a client sees of wsgi.early_hints, by bare WSGI, Flask and Django. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { requireProgram } from "../system-programs.ts";
import { runClient } from "./clients/client-program.ts";
import { APPLICATIONS, get, TRANSPORTS, type TransportName } from "./exercise.ts";
import { RawClient, type RawResponse } from "./raw-client.ts";
import { PROJECT_FOLDER, type ServerProcess, startPortico } from "./server-process.ts";

const STYLE = "</style.css>; rel=preload; as=style";
const SCRIPT = "</app.js>; rel=preload; as=script";
const FRAMEWORKS_PYTHON = path.join(PROJECT_FOLDER, ".environments/frameworks/bin/python3");

interface Application {
  readonly name: string;
  readonly reference: string;
  readonly options: readonly string[];
}

const BARE: Application = { name: "bare WSGI", reference: "hints:app", options: [] };
const FRAMEWORKS: readonly Application[] = ["flask", "django"].map((name) => ({
  name,
  reference: `hints_${name}:app`,
  options: ["--python", FRAMEWORKS_PYTHON],
}));

/** A server, and the file that lets `/held` go on. */
class Hinting implements AsyncDisposable {
  readonly server: ServerProcess;
  readonly #folder: string;

  constructor(server: ServerProcess, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  openGate(): void {
    writeFileSync(path.join(this.#folder, "gate"), "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }
}

async function start(application: Application, transport: TransportName): Promise<Hinting> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "portico-hints-"));
  const options = ["--transport", transport, "--chdir", APPLICATIONS, "--workers", "1"];
  const server = await startPortico([...options, ...application.options, application.reference], {
    env: { HINTS_GATE: path.join(folder, "gate"), PYTHONDONTWRITEBYTECODE: "1" },
  });
  return new Hinting(server, folder);
}

/** All responses to one request, interim ones first. */
async function responses(client: RawClient, request: string): Promise<RawResponse[]> {
  client.write(request);
  const method = request.split(" ", 1)[0];
  const read = [await client.readResponse(method)];
  while ((read.at(-1)?.status ?? 0) < 200) read.push(await client.readResponse(method));
  return read;
}

function statuses(read: readonly RawResponse[]): number[] {
  return read.map(({ status }) => status);
}

function links(read: readonly RawResponse[]): string[] {
  return read.flatMap((response) => response.fieldValues("Link"));
}

for (const transport of TRANSPORTS) {
  for (const application of [BARE, ...FRAMEWORKS]) {
    test(`${application.name} by ${transport}: 103, then the answer`, async () => {
      await using hinting = await start(application, transport);
      using client = await RawClient.connect(hinting.server.port);
      const [first, second, last] = await responses(client, get("/"));
      assert.ok(first !== undefined && second !== undefined && last !== undefined);
      assert.deepEqual(
        [first.version, first.status, first.reason],
        ["HTTP/1.1", 103, "Early Hints"],
      );
      assert.deepEqual(first.fields, [["Link", STYLE]]);
      assert.deepEqual(second.fields, [["Link", SCRIPT]]);
      assert.deepEqual([last.status, last.text], [200, "content of /"]);

      // The same connection goes on.
      const toHead = await responses(client, get("/").replace("GET", "HEAD"));
      assert.deepEqual(
        [statuses(toHead), links(toHead)],
        [
          [103, 103, 200],
          [STYLE, SCRIPT],
        ],
      );
      assert.equal(toHead.at(-1)?.text, "");
      const failed = await responses(client, get("/raise"));
      assert.deepEqual([statuses(failed), links(failed)], [[103, 500], [STYLE]]);
      assert.deepEqual(statuses(await responses(client, get("/none"))), [200]);

      // It is there while the application still works on the answer.
      client.write(get("/held"));
      assert.equal((await client.readHead()).status, 103);
      hinting.openGate();
      assert.equal((await client.readResponse()).text, "content of /held");
    });
  }

  describe(`early hints by ${transport}`, () => {
    test("HTTP/1.0 gets none", async () => {
      await using hinting = await start(BARE, transport);
      for (const version of ["1.0\r\nConnection: keep-alive", "1.0"]) {
        using client = await RawClient.connect(hinting.server.port);
        const read = await responses(client, `GET / HTTP/${version}\r\n\r\n`);
        assert.deepEqual([statuses(read), links(read)], [[200], []]);
      }
    });

    test("each pipelined request gets its own", async () => {
      await using hinting = await start(BARE, transport);
      using client = await RawClient.connect(hinting.server.port);
      client.write(get("/none") + get("/") + get("/none") + get("/stream") + get("/none"));
      const seen: number[] = [];
      for (let count = 0; count < 8; count++) seen.push((await client.readResponse()).status);
      assert.deepEqual(seen, [200, 103, 103, 200, 200, 103, 200, 200]);
    });

    test("not behind the head of the answer, nor by what an application kept", async () => {
      await using hinting = await start(BARE, transport);
      using client = await RawClient.connect(hinting.server.port);
      const streamed = await responses(client, get("/stream"));
      assert.deepEqual([links(streamed), streamed.at(-1)?.text], [[STYLE], "ab"]);
      for (let count = 0; count < 4; count++) {
        assert.deepEqual(statuses(await responses(client, get("/kept"))), [200]);
      }
    });

    test("not more than sixteen, and no line end in one", async () => {
      await using hinting = await start(BARE, transport);
      using client = await RawClient.connect(hinting.server.port);
      const many = await responses(client, get("/many"));
      assert.equal(many.length, 16 + 1);
      await hinting.server.untilLogged(/early hints beyond the bounds for one request/);
      assert.deepEqual(statuses(await responses(client, get("/refused"))), [500]);
      await hinting.server.untilLogged(/HeadError: the value of X has a control character/);
    });

    test("a request that is run again may give them again", async () => {
      await using hinting = await start(BARE, transport);
      using client = await RawClient.connect(hinting.server.port);
      const read = await responses(client, get("/die"));
      assert.deepEqual([statuses(read), read.at(-1)?.text], [[103, 103, 200], "content of /die"]);
    });

    const curl = requireProgram("curl");
    if (curl !== null) {
      test("curl shows them", async () => {
        await using hinting = await start(BARE, transport);
        const url = `http://127.0.0.1:${hinting.server.port}/`;
        const { status, text } = await runClient(curl, ["-sSi", url]);
        assert.equal(status, 0);
        const heads = text.split("\r\n").filter((line) => line.startsWith("HTTP/1.1 "));
        assert.equal(heads.length, 3, text);
        assert.match(text, /^HTTP\/1.1 103 Early Hints\r\nLink: <\/style.css>/);
        assert.ok(text.endsWith("content of /"));
      });
    }
  });
}
