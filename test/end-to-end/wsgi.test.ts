/**
 * PEP 3333 seen from a client's side, over real sockets, on both transports, with and without
 * wsgiref.validate, in each class of workers.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { type Exercise, get, post, put, startExercise, TRANSPORTS } from "./exercise.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import { WORKER_CLASSES } from "./worker-classes.ts";

interface SeenEnviron {
  readonly strings: Readonly<Record<string, string>>;
  readonly others: Readonly<Record<string, string>>;
}

/**
 * Workers of class `process` by both transports, with and without the validator; the others by one
 * each: what a class changes is within the worker, and what a transport changes is not.
 */
const CASES = WORKER_CLASSES.flatMap((workerClass) =>
  TRANSPORTS.flatMap((transport) =>
    (["app", "validated"] as const).map((name) => ({ workerClass, transport, name })),
  ),
).filter(
  ({ workerClass, transport, name }) =>
    workerClass.name === "process" || (name === "app") === (transport === "epoll"),
);

for (const { workerClass, transport, name } of CASES) {
  describe(`${name} by ${transport}, class ${workerClass.name}`, () => {
    let exercise: Exercise;
    before(async () => {
      exercise = await startExercise(transport, workerClass.args, name);
    });
    after(() => exercise[Symbol.asyncDispose]());

    const environOf = async (request: string | Buffer): Promise<SeenEnviron> => {
      const response = await rawRequest(exercise.port, request);
      assert.equal(response.status, 200, response.text);
      return JSON.parse(response.text) as SeenEnviron;
    };

    test("the environ names the request, the client and the server", async () => {
      const { strings, others } = await environOf(
        get(
          "/environ?a=1&b=%20",
          "X-Custom: one\r\nx-custom: two\r\nCookie: a=1\r\nCookie: b=2\r\n",
        ),
      );
      assert.equal(strings["REQUEST_METHOD"], "GET");
      assert.equal(strings["SCRIPT_NAME"], "");
      assert.equal(strings["PATH_INFO"], "/environ");
      assert.equal(strings["QUERY_STRING"], "a=1&b=%20");
      assert.equal(strings["RAW_URI"], "/environ?a=1&b=%20");
      assert.equal(strings["SERVER_PROTOCOL"], "HTTP/1.1");
      assert.equal(strings["SERVER_NAME"], "127.0.0.1");
      assert.equal(strings["SERVER_PORT"], String(exercise.port));
      assert.equal(strings["REMOTE_ADDR"], "127.0.0.1");
      assert.match(strings["REMOTE_PORT"] ?? "", /^\d+$/);
      assert.equal(strings["HTTP_HOST"], "test");
      assert.equal(strings["HTTP_X_CUSTOM"], "one, two");
      assert.equal(strings["HTTP_COOKIE"], "a=1; b=2");
      assert.equal(strings["wsgi.url_scheme"], "http");
      assert.equal(others["wsgi.version"], "(1, 0)");
      for (const [key, value] of Object.entries(workerClass.environ)) {
        assert.equal(others[key], value, key);
      }
      assert.equal(others["wsgi.input_terminated"], "True");
      assert.ok("wsgi.file_wrapper" in others && "wsgi.errors" in others);
      assert.ok(!("CONTENT_LENGTH" in strings) && !("CONTENT_TYPE" in strings));
    });

    test("a path is bytes in a str", async () => {
      const paths: [target: string, pathInfo: string][] = [
        ["/h%C3%A4llo", "/h\u00c3\u00a4llo"],
        ["/a%2Fb", "/a/b"],
        ["//double//slash/", "//double//slash/"],
        ["/", "/"],
        ["/%E4", "/\u00e4"],
        ["/raw\u00c3\u00a4", "/raw\u00c3\u00a4"],
        ["/100%25", "/100%"],
        ["/bad%zz", "/bad%zz"],
      ];
      for (const [target, pathInfo] of paths) {
        const { strings } = await environOf(Buffer.from(get(target), "latin1"));
        assert.equal(strings["PATH_INFO"], pathInfo, target);
        assert.equal(strings["RAW_URI"], target);
      }
    });

    test("an absolute-form target's authority overrides Host", async () => {
      const { strings } = await environOf(get("http://other:81/environ?q"));
      assert.equal(strings["HTTP_HOST"], "other:81");
      assert.equal(strings["PATH_INFO"], "/environ");
    });

    test("names that could be mistaken for others are dropped", async () => {
      const { strings } = await environOf(
        get("/environ", "X_Forwarded_For: 1.2.3.4\r\nProxy: http://evil/\r\nX-Kept: yes\r\n"),
      );
      assert.ok(!("HTTP_X_FORWARDED_FOR" in strings) && !("HTTP_PROXY" in strings));
      assert.equal(strings["HTTP_X_KEPT"], "yes");
    });

    test("content comes back as it was sent, small and spooled", async () => {
      for (const length of [0, 1, 1000, 65_536, 65_537, 3_000_000]) {
        const content = randomBytes(length);
        const digest = createHash("sha256").update(content).digest("hex");
        for (const request of [put("/echo", content), post("/echo", content)]) {
          const response = await rawRequest(exercise.port, request);
          assert.equal(response.status, 200);
          assert.equal(response.field("X-Length"), String(length));
          assert.equal(response.field("X-Digest"), digest);
          assert.ok(response.content.equals(content));
        }
      }
    });

    test("chunked content is decoded, and CONTENT_LENGTH says how long it is", async () => {
      const head = "POST /environ HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
      const { strings } = await environOf(`${head}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`);
      assert.equal(strings["CONTENT_LENGTH"], "11");
      assert.ok(!("HTTP_TRANSFER_ENCODING" in strings));
      const echoed = await rawRequest(
        exercise.port,
        `${head.replace("/environ", "/echo")}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`,
      );
      assert.equal(echoed.text, "hello world");
    });

    test("wsgi.input reads by line and ends", async () => {
      const response = await rawRequest(exercise.port, post("/lines", "one\ntwo\nthree\nfour"));
      assert.deepEqual(JSON.parse(response.text), ["one\n", "two\n", "three\n", "four", ""]);
    });

    test("pieces leave one by one, and the iterable is closed once", async () => {
      const response = await rawRequest(exercise.port, get("/stream?n=3&s=0.15"));
      assert.deepEqual(
        response.pieces.map((piece) => piece.bytes.toString()),
        ["piece 0\n", "piece 1\n", "piece 2\n"],
      );
      const [first, , last] = response.pieces;
      assert.ok((last?.arrivedAtMs ?? 0) - (first?.arrivedAtMs ?? 0) > 150);
      const closes = (): number => exercise.notes().filter((line) => line === "stream").length;
      await exercise.server.until("close()", () => closes() > 0);
      assert.equal(closes(), 1);
    });

    test("HEAD has the fields of GET and no content", async () => {
      using client = await RawClient.connect(exercise.port);
      const head = await client.exchange(get("/hello").replace("GET", "HEAD"));
      assert.equal(head.field("Content-Length"), "6");
      assert.equal(head.content.length, 0);
      const next = await client.exchange(get("/hello"));
      assert.equal(next.text, "hello\n");
    });

    test("204 and 304 have no content, and the connection goes on", async () => {
      using client = await RawClient.connect(exercise.port);
      for (const code of [204, 304, 200, 404]) {
        const response = await client.exchange(get(`/status?code=${code}`));
        assert.equal(response.status, code);
        assert.equal(
          response.text,
          code < 300 && code !== 204 ? "content" : code === 404 ? "content" : "",
        );
        if (code === 204) assert.equal(response.field("Content-Length"), null);
      }
    });

    test("write() and the iterable are sent in order", async () => {
      const response = await rawRequest(exercise.port, get("/written"));
      assert.equal(response.text, "written, not returned, and returned");
    });

    test("Set-Cookie fields stay apart", async () => {
      const response = await rawRequest(exercise.port, get("/cookies"));
      assert.deepEqual(response.fieldValues("Set-Cookie"), ["a=1", "b=2"]);
    });

    test("wsgi.file_wrapper sends a file", async () => {
      const response = await rawRequest(exercise.port, get("/file"));
      assert.match(response.text, /def file_wrapper/);
    });

    test("start_response again with exc_info replaces the head", async () => {
      const response = await rawRequest(exercise.port, get("/replaces"));
      assert.equal(response.status, 503);
      assert.equal(response.text, "replaced");
    });

    test("an exception gives 500 and nothing away; the log has the traceback", async () => {
      const response = await rawRequest(exercise.port, get("/raises?x=\u00e4"));
      assert.equal(response.status, 500);
      assert.doesNotMatch(response.text, /secret|Traceback|ValueError/);
      await exercise.server.until("the traceback", () =>
        /GET \/raises\?x=\\xe4[\s\S]*ValueError: secret of the application/.test(
          exercise.server.stderr,
        ),
      );
    });

    test("an exception after the head cuts the connection", async () => {
      await assert.rejects(rawRequest(exercise.port, get("/raises-late")), /assert|end|clos/i);
      await exercise.server.until("close()", () => exercise.notes().includes("raises-late"));
    });

    if (name === "app") {
      test("fields that would break the message are refused", async () => {
        for (const target of ["/bad-header", "/hop-by-hop"]) {
          const response = await rawRequest(exercise.port, get(target));
          assert.equal(response.status, 500, target);
          assert.equal(response.field("Set-Cookie"), null);
        }
      });

      test("content beyond its Content-Length is cut, the next answer is whole", async () => {
        using client = await RawClient.connect(exercise.port);
        assert.equal((await client.exchange(get("/long"))).text, "12345");
        assert.equal((await client.exchange(get("/hello"))).text, "hello\n");
      });

      test("content shorter than its Content-Length ends the connection", async () => {
        await assert.rejects(rawRequest(exercise.port, get("/short")));
        await exercise.server.until("close()", () => exercise.notes().includes("short"));
      });
    }

    test("an application that never ends is stopped when its client is gone", async () => {
      const closedBefore = exercise.notes().filter((line) => line === "endless").length;
      const client = await RawClient.connect(exercise.port);
      client.write(get("/endless"));
      await client.readHead();
      client.close();
      await exercise.server.until("close()", () => {
        return exercise.notes().filter((line) => line === "endless").length === closedBefore + 1;
      });
    });

    test("pipelined requests are answered in order", async () => {
      using client = await RawClient.connect(exercise.port);
      client.write(
        [get("/slow?s=0.2&first"), get("/hello"), get("/slow?s=0&third"), get("/hello")].join(""),
      );
      const texts: string[] = [];
      for (let count = 0; count < 4; count++) texts.push((await client.readResponse()).text);
      assert.match(texts[0] ?? "", /first/);
      assert.equal(texts[1], "hello\n");
      assert.match(texts[2] ?? "", /third/);
      assert.equal(texts[3], "hello\n");
    });

    test("HTTP/1.0 without a length ends with the connection", async () => {
      using client = await RawClient.connect(exercise.port);
      client.write("GET /stream?n=2&s=0 HTTP/1.0\r\n\r\n");
      const text = (await client.readToEnd()).toString();
      assert.match(text, /\r\n\r\npiece 0\npiece 1\n$/);
      assert.doesNotMatch(text, /Transfer-Encoding/i);
    });

    test("a half-closed client still gets its answer", async () => {
      using client = await RawClient.connect(exercise.port);
      client.write(get("/slow?s=0.2"));
      client.endWriting();
      assert.match((await client.readResponse()).text, /by \d+/);
    });

    test("100-continue is sent when the content is awaited", async () => {
      using client = await RawClient.connect(exercise.port);
      client.write(
        "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
      );
      assert.equal((await client.readResponse()).status, 100);
      client.write("hello");
      assert.equal((await client.readResponse()).text, "hello");
    });
  });
}
