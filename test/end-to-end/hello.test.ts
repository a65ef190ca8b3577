/** The first thing that a newcomer sees: `examples/hello.py`, as `npm start` serves it. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { RawClient, rawRequest, type RawResponse } from "./raw-client.ts";
import { PROJECT_FOLDER, type ServerProcess, startPortico } from "./server-process.ts";

const EXAMPLES = path.join(PROJECT_FOLDER, "examples");
/**
 * The stream takes 1.2 s to make; this much later, at least, its last line comes than its first.
 */
const STREAM_SPREAD_MIN_MS = 600;

function request(line: string, content = ""): string {
  const length =
    content === "" ? "" : `Content-Length: ${Buffer.byteLength(content, "latin1")}\r\n`;
  return `${line} HTTP/1.1\r\nHost: localhost\r\n${length}\r\n${content}`;
}

for (const transport of ["epoll", "node"] as const) {
  describe(`examples/hello.py by ${transport}`, () => {
    let server: ServerProcess;
    const ask = (line: string, content = ""): Promise<RawResponse> =>
      rawRequest(server.port, request(line, content));

    before(async () => {
      const args = ["--transport", transport, "--workers", "2", "--chdir", EXAMPLES, "hello:app"];
      server = await startPortico(args, { env: { PYTHONDONTWRITEBYTECODE: "1" } });
    });
    after(() => server?.stop());

    test("the page shows the request, and the processes that answered it", async () => {
      const page = await ask("GET /caf%C3%A9/x?a=1&b=%20");
      assert.equal(page.status, 200);
      assert.equal(page.field("content-type"), "text/html; charset=utf-8");
      assert.match(page.text, /<h1><span class="method">GET<\/span> \/café\/x</);
      assert.match(page.text, /<span class="query">\?a=1&amp;b=%20<\/span>/);
      const pids = [...page.text.matchAll(/PID (\d+)/g)].map(([, pid]) => Number(pid));
      assert.equal(pids.length, 2);
      const processes = server.processes();
      for (const pid of pids)
        assert(processes.includes(pid), `${pid} is none of ${processes.join()}`);
      assert.notEqual(pids[1], server.pid);
    });

    test("nothing that a client sends becomes markup, or stays unseen", async () => {
      const escaped = await ask("POST /%3Ci%3E%22%00?%3Cu%3E", "<s>\0</s>");
      assert.equal(escaped.status, 200);
      assert.doesNotMatch(escaped.text, /<[ius]>/);
      assert.match(escaped.text, /&lt;i&gt;&quot;\\x00/);
      assert.match(escaped.text, /&lt;s&gt;\ufffd&lt;\/s&gt;/);
    });

    test("content is counted whole, shown to a bound, and read as a form", async () => {
      const long = await ask("POST /", "x".repeat(100_000));
      assert.match(long.text, /100,000 bytes\./);
      assert.match(long.text, /… and 95,904 bytes more\./);
      const type = "Content-Type: application/x-www-form-urlencoded";
      const form = await rawRequest(
        server.port,
        `POST /form HTTP/1.1\r\nHost: localhost\r\n${type}\r\nTransfer-Encoding: chunked\r\n\r\n` +
          "10\r\nmessage=Gr%C3%BC\r\n4\r\n%C3%\r\n4\r\n9Fe!\r\n0\r\n\r\n",
      );
      assert.match(form.text, /<th scope="row">message<\/th><td>Grüße!<\/td>/);
    });

    test("HEAD gives the fields of GET", async () => {
      const [get, head] = [await ask("GET /plain"), await ask("HEAD /plain")];
      assert.equal(get.text, "Hello, world!\n");
      assert.equal(head.field("content-length"), "14");
      assert.equal(head.text, "");
      assert.equal((await ask("HEAD /stream")).text, "");
    });

    test("the environ as JSON", async () => {
      const response = await ask("GET /environ.json?q=1");
      const environ = JSON.parse(response.text) as Record<string, string>;
      assert.equal(environ["REQUEST_METHOD"], "GET");
      assert.equal(environ["QUERY_STRING"], "q=1");
      assert.equal(environ["SERVER_PORT"], String(server.port));
      assert.equal(environ["wsgi.url_scheme"], "http");
    });

    test("each line of the stream leaves when it is made, and the connection is kept", async () => {
      using client = await RawClient.connect(server.port);
      const stream = await client.exchange(request("GET /stream"));
      assert.equal(stream.text, [1, 2, 3, 4, 5].map((line) => `line ${line} of 5\n`).join(""));
      const times = stream.pieces.map(({ arrivedAtMs }) => arrivedAtMs);
      const spread = (times.at(-1) ?? 0) - (times[0] ?? 0);
      assert(spread >= STREAM_SPREAD_MIN_MS, `all of it within ${spread} ms`);
      assert.equal((await client.exchange(request("GET /plain"))).text, "Hello, world!\n");
    });
  });
}
