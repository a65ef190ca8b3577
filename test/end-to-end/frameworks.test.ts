/**
 * Real sites answer under Portico what they answer under gunicorn: same bytes in, same status,
 * fields and content out.
 *
 * A visit is a list of requests, made of bytes. It is paid to both servers, by each transport and
 * in each class of workers, and the two transcripts are compared. `frameworks-client.test.ts` asks
 * whether what a site answers is right.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CookieJar, RawClient, type RawResponse } from "./raw-client.ts";
import type { ServerProcess } from "./server-process.ts";
import { PORTICO_SERVERS, type Site, SITES, startSite } from "./sites.ts";

/**
 * One request of a visit. What belongs to the visitor (cookies, form token) is put in when it is
 * sent.
 */
interface VisitRequest {
  readonly title: string;
  readonly line: string;
  readonly fieldLines?: readonly string[];
  readonly content?: string | Buffer;
  /** Fields of a form; the token of the last form that was seen goes with them. */
  readonly form?: Readonly<Record<string, string>>;
  /** A file to send as `multipart/form-data`, with the token. */
  readonly file?: { readonly name: string; readonly content: Buffer };
}

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
const BOUNDARY = "----boundary-of-the-tests";
const ADA = { name: "ada", password: "lovelace" };
const MESSAGE = { name: "Zoë & <b>", email: "zoe@example.org", message: "Grüße,\r\n世界" };
const JSON_TYPE = ["Content-Type: application/json"];

const VISIT: readonly VisitRequest[] = [
  { title: "a page", line: "GET / HTTP/1.1" },
  { title: "HEAD of a page", line: "HEAD / HTTP/1.1" },
  { title: "a page by HTTP/1.0", line: "GET /about HTTP/1.0" },
  { title: "an empty query", line: "GET /about? HTTP/1.1" },
  { title: "a method that is not allowed", line: "DELETE /about HTTP/1.1" },
  { title: "OPTIONS", line: "OPTIONS /about HTTP/1.1" },
  { title: "a path that is not there", line: "GET /nowhere/at%20all?x=%00 HTTP/1.1" },
  { title: "HEAD of a path that is not there", line: "HEAD /nowhere HTTP/1.1" },
  { title: "a path of dots and slashes", line: "GET /about//.././about/ HTTP/1.1" },
  { title: "a permanent redirect", line: "GET /old HTTP/1.1" },
  { title: "a path beyond ASCII", line: "GET /h%C3%A4llo/J%C3%BCrgen HTTP/1.1" },
  { title: "a path with lower-case escapes", line: "GET /h%c3%a4llo/%e4%b8%96 HTTP/1.1" },
  { title: "a path with an escaped slash", line: "GET /h%C3%A4llo/a%2Fb%20c HTTP/1.1" },
  { title: "a path with an empty segment", line: "GET /h%C3%A4llo/a//b/ HTTP/1.1" },
  { title: "a path that is not UTF-8", line: "GET /h%C3%A4llo/%FF%FE HTTP/1.1" },
  { title: "a path with a plus and an escaped percent", line: "GET /h%C3%A4llo/1+1%25 HTTP/1.1" },
  { title: "a stream", line: "GET /stream HTTP/1.1" },
  { title: "HEAD of a stream", line: "HEAD /stream HTTP/1.1" },
  { title: "a download", line: "GET /files/tides.csv HTTP/1.1" },
  { title: "HEAD of a download", line: "HEAD /files/tides.csv HTTP/1.1" },
  {
    title: "a download that has not changed",
    line: "GET /files/tides.csv HTTP/1.1",
    fieldLines: ["If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"],
  },
  {
    title: "a part of a download",
    line: "GET /files/tides.csv HTTP/1.1",
    fieldLines: ["Range: bytes=10-19"],
  },
  { title: "JSON by query", line: "GET /api/words?text=%C3%A4+b%20c&text=d HTTP/1.1" },
  {
    title: "JSON",
    line: "POST /api/words HTTP/1.1",
    fieldLines: JSON_TYPE,
    content: '{"text":"a b"}',
  },
  {
    title: "JSON that is cut",
    line: "POST /api/words HTTP/1.1",
    fieldLines: JSON_TYPE,
    content: '{"te',
  },
  {
    title: "JSON that is missing",
    line: "POST /api/words HTTP/1.1",
    fieldLines: JSON_TYPE,
    content: "",
  },
  {
    title: "JSON that waits to be asked for",
    line: "POST /api/words HTTP/1.1",
    fieldLines: [...JSON_TYPE, "Expect: 100-continue"],
    content: '{"text":"a b"}',
  },
  { title: "a form", line: "GET /contact HTTP/1.1" },
  { title: "a form with mistakes", line: "POST /contact HTTP/1.1", form: { name: "", email: "x" } },
  { title: "a form that is right", line: "POST /contact HTTP/1.1", form: MESSAGE },
  { title: "the page after the form", line: "GET /contact HTTP/1.1" },
  { title: "the form again", line: "GET /contact HTTP/1.1" },
  { title: "an upload's form", line: "GET /upload HTTP/1.1" },
  {
    title: "an upload",
    line: "POST /upload HTTP/1.1",
    file: { name: "every.bin", content: EVERY_BYTE },
  },
  { title: "a page for visitors that are known", line: "GET /account HTTP/1.1" },
  { title: "the login form", line: "GET /login HTTP/1.1" },
  { title: "a wrong password", line: "POST /login HTTP/1.1", form: { ...ADA, password: "byron" } },
  { title: "logging in", line: "POST /login HTTP/1.1", form: ADA },
  { title: "the account", line: "GET /account HTTP/1.1" },
  { title: "the account again", line: "GET /account HTTP/1.1" },
  { title: "HEAD of the account", line: "HEAD /account HTTP/1.1" },
  { title: "logging out", line: "POST /logout HTTP/1.1", form: {} },
  { title: "the account after logging out", line: "GET /account HTTP/1.1" },
  { title: "an exception", line: "GET /raise HTTP/1.1" },
  { title: "a page after the exception", line: "GET /about HTTP/1.1" },
];

/**
 * Somebody who sends the requests of a visit one after another, over as few connections as the
 * server lets them.
 */
class Visitor implements Disposable {
  readonly #port: number;
  readonly #jar = new CookieJar();
  #token: readonly [name: string, value: string] | null = null;
  #client: RawClient | null = null;
  connections = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async send(request: VisitRequest): Promise<RawResponse> {
    if (this.#client === null) {
      this.#client = await RawClient.connect(this.#port);
      this.connections += 1;
    }
    const response = await this.#client.exchange(this.#bytesOf(request));
    this.#jar.take(response.fieldValues("set-cookie"));
    const hidden = HIDDEN_INPUT.exec(response.text);
    if (hidden !== null) this.#token = [hidden[1] ?? "", hidden[2] ?? ""];
    const closes = response.field("connection")?.toLowerCase() === "close";
    if (closes || request.line.endsWith("HTTP/1.0")) this[Symbol.dispose]();
    return response;
  }

  [Symbol.dispose](): void {
    this.#client?.close();
    this.#client = null;
  }

  #bytesOf(request: VisitRequest): Buffer {
    const lines = [request.line, "Host: localhost", ...(request.fieldLines ?? [])];
    if (this.#jar.fieldValue !== "") lines.push(`Cookie: ${this.#jar.fieldValue}`);
    let content: Buffer | null =
      request.content === undefined ? null : Buffer.from(request.content);
    if (request.form !== undefined) {
      lines.push("Content-Type: application/x-www-form-urlencoded");
      content = Buffer.from(
        new URLSearchParams([...this.#tokenPair(), ...Object.entries(request.form)]).toString(),
      );
    }
    if (request.file !== undefined) {
      lines.push(`Content-Type: multipart/form-data; boundary=${BOUNDARY}`);
      content = multipart(this.#tokenPair(), request.file);
    }
    if (content !== null) lines.push(`Content-Length: ${content.length}`);
    return Buffer.concat([
      Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"),
      content ?? Buffer.alloc(0),
    ]);
  }

  #tokenPair(): [string, string][] {
    return this.#token === null ? [] : [[...this.#token]];
  }
}

function multipart(
  pairs: readonly [string, string][],
  file: { name: string; content: Buffer },
): Buffer {
  const parts = pairs.map(([name, value]) => {
    return `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  });
  const head =
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${file.name}"\r\n` +
    "Content-Type: application/octet-stream\r\n\r\n";
  return Buffer.concat([
    Buffer.from(parts.join("") + head),
    file.content,
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ]);
}

/** Were one of them missing, the visit would not show what it is meant to. */
const STATUSES_OF_VISIT = [200, 301, 302, 400, 403, 404, 422, 500];

/** What hides a form's token: random, and new each time. */
const HIDDEN_INPUT = /<input type="hidden" name="([^"]+)" value="([^"]+)">/;

/** Fields that belong to the connection or to the server, not to the site. */
const FIELDS_OF_SERVER = new Set([
  "date",
  "server",
  "connection",
  "keep-alive",
  "transfer-encoding",
]);

/** What two servers must agree on. */
function comparable(response: RawResponse, request: VisitRequest): object {
  const isHead = request.line.startsWith("HEAD ");
  const fields = response.fields
    .map(([name, value]): [string, string] => [
      name,
      name.toLowerCase() === "set-cookie" ? withoutSecrets(value) : value,
    ])
    .filter(([name]) => !FIELDS_OF_SERVER.has(name.toLowerCase()))
    // Where the length says only how long the content is, comparing the content says it too; to
    // HEAD it is all there is.
    .filter(
      ([name, value]) =>
        isHead ||
        name.toLowerCase() !== "content-length" ||
        value !== String(response.content.length),
    );
  const content = response.content
    .toString("latin1")
    .replace(HIDDEN_INPUT, '<input type="hidden" name="$1">');
  return { status: response.status, reason: response.reason, fields, content };
}

/** A Set-Cookie value without what depends on the second in which it was made. */
function withoutSecrets(setCookie: string): string {
  return setCookie.replace(/^([^=]+)=[^;]+/, "$1=...").replace(/expires=[^;]+/i, "expires=...");
}

async function visit(port: number): Promise<{ responses: RawResponse[]; connections: number }> {
  using visitor = new Visitor(port);
  const responses: RawResponse[] = [];
  for (const request of VISIT) responses.push(await visitor.send(request));
  return { responses, connections: visitor.connections };
}

function compareVisits(
  site: Site,
  expected: readonly RawResponse[],
  actual: readonly RawResponse[],
): void {
  for (const [index, request] of VISIT.entries()) {
    const [theirs, ours] = [expected[index], actual[index]];
    assert(theirs && ours);
    if (theirs.status === 500 && site.raisesToServer) {
      // The page is then the server's own.
      assert.equal(ours.status, theirs.status, request.title);
      continue;
    }
    assert.deepEqual(comparable(ours, request), comparable(theirs, request), request.title);
  }
}

for (const site of SITES) {
  describe(`${site.framework} answers as it does under gunicorn`, () => {
    let expected: RawResponse[];

    before(async () => {
      await using gunicorn = await startSite(site, "gunicorn");
      expected = (await visit(gunicorn.port)).responses;
      const statuses = new Set(expected.map(({ status }) => status));
      for (const status of STATUSES_OF_VISIT) assert(statuses.has(status), `no ${status} seen`);
    });

    for (const server of PORTICO_SERVERS) {
      describe(`by ${server}`, () => {
        let portico: ServerProcess;

        before(async () => {
          portico = await startSite(site, server);
        });
        after(() => portico?.stop());

        test("the visit gives the same answers, over connections that are kept", async () => {
          const { responses, connections } = await visit(portico.port);
          compareVisits(site, expected, responses);
          assert(connections <= 3, `${connections} connections for ${VISIT.length} requests`);
        });

        // Not compared: gunicorn joins the two by a comma, and the session is lost. RFC 9113
        // section 8.2.3 has "; ", for the sake of clients that split cookies over field lines.
        test("cookies in two field lines are one list", async () => {
          using visitor = new Visitor(portico.port);
          await visitor.send({ title: "the login form", line: "GET /login HTTP/1.1" });
          await visitor.send({ title: "logging in", line: "POST /login HTTP/1.1", form: ADA });
          const account = await visitor.send({
            title: "the account",
            line: "GET /account HTTP/1.1",
            fieldLines: ["Cookie: other=1"],
          });
          assert.equal(account.status, 200);
          assert.match(account.text, /Logged in as ada/);
        });

        test("the exception's traceback is in the log", async () => {
          await portico.untilLogged(/RuntimeError: this view always fails/);
        });
      });
    }
  });
}
