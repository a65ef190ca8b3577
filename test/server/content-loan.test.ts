/** When a connection lends its socket for a request's content, and what becomes of that. */
import assert from "node:assert/strict";
import { readSync } from "node:fs";
import { test } from "node:test";

import fc from "fast-check";
import type { LentContent, WorkerShare } from "../../src/workers/application-request.ts";
import { lentContentOf } from "../../src/workers/application-request.ts";
import { ReceivedRequest } from "../../src/server/received-request.ts";
import { ConnectionFixture, get, post, SETTINGS } from "./connection-fixture.ts";
import type { PlayedAnswer } from "./played-handler.ts";

const DESCRIPTOR = 66;
const CONTENT = "0123456789".repeat(20_000);
/** What comes with the head, and is no more than stays in memory. */
const FIRST_BYTES = 50_000;
const UPLOAD = post("/upload", CONTENT);
const FIRST = UPLOAD.slice(0, UPLOAD.length - CONTENT.length + FIRST_BYTES);
const SETTINGS_HERE = {
  request: { ...SETTINGS.request, bodyLimitBytes: 20_000_000 },
  spool: { ...SETTINGS.spool, inlineMaxBytes: 65_536 },
};
const WAITS = { queueUs: null } as WorkerShare;

class Uploading extends ConnectionFixture {
  constructor(unread: number | null = 65_536, settings = {}) {
    super({ ...SETTINGS_HERE, ...settings });
    this.client.lentAs = DESCRIPTOR;
    this.client.unread = unread;
  }

  deliver(text: string): void {
    this.client.deliver(Buffer.from(text, "latin1"));
  }

  /** The answer to the request that was handed on last. */
  get last(): PlayedAnswer {
    return this.handler.answerAt(this.handler.answers.length - 1);
  }

  /** The content of that, which is lent. */
  get lent(): LentContent {
    const lent = lentContentOf(this.last.request);
    assert.ok(lent !== null, "it is lent");
    return lent;
  }

  giveBack(text: string): boolean {
    const bytes = Buffer.from(`<<${text}>>`, "latin1");
    const isRight = this.lent.onReturned(bytes, 2, 2 + text.length);
    bytes.fill("!");
    return isRight;
  }

  /** The client goes away, and with it what was kept of its request. */
  close(): void {
    this.client.break();
  }

  /** What the request has that was handed on last, once a file that it went to is written. */
  async content(): Promise<string> {
    const count = this.handler.answers.length;
    while (this.handler.answers.length === count) await new Promise(setImmediate);
    return contentOf(this.last);
  }
}

function contentOf({ request, content }: PlayedAnswer): string {
  if (content !== null) return content;
  const spooled = request.content;
  assert.ok(spooled !== null && "descriptor" in spooled, "it is in a file");
  const bytes = Buffer.alloc(spooled.lengthBytes);
  readSync(spooled.descriptor, bytes, 0, bytes.length, 0);
  return bytes.toString("latin1");
}

function lentUpload(): Uploading {
  const fixture = new Uploading();
  fixture.deliver(FIRST);
  assert.equal(fixture.lent.received.toString(), CONTENT.slice(0, FIRST_BYTES));
  return fixture;
}

test("content that comes faster than it is read is a worker's to take", () => {
  const fixture = lentUpload();
  assert.equal(fixture.lent.lengthBytes, CONTENT.length);
  assert.equal(fixture.lent.lend(), DESCRIPTOR);
  assert.equal(fixture.connection.phase, "answer");
  assert.ok(fixture.client.paused, "nobody reads here meanwhile");
  const before = fixture.client.receivedBytes;
  fixture.lent.onTaken();
  assert.equal(fixture.client.receivedBytes, before + CONTENT.length - FIRST_BYTES);
  assert.ok(!fixture.client.paused, "a client that goes away is noticed");
  fixture.last.answer("thanks");
  assert.ok(fixture.received.toString().endsWith("thanks"));
  fixture.deliver(get("/next"));
  assert.equal(fixture.last.path, "/next");
  fixture.last.answer("next");
  fixture.deliver(FIRST);
  assert.equal(fixture.lent.lengthBytes, CONTENT.length, "the next upload, too");
});

test("a request behind it, which came while it was answered, is the next", () => {
  const fixture = lentUpload();
  fixture.lent.onTaken();
  fixture.deliver(get("/behind"));
  assert.equal(fixture.handler.answers.length, 1);
  fixture.last.answer("one");
  assert.equal(fixture.last.path, "/behind");
});

for (const [what, fixture, request] of [
  ["a client that sends no faster than it is read", new Uploading(65_535), FIRST],
  ["a socket of Node's", new Uploading(null), FIRST],
  ["class request", new Uploading(65_536, { lendsContent: false }), FIRST],
  ["a method that may be run again", new Uploading(), FIRST.replace("POST", "PUT")],
  ["content that stays in memory", new Uploading(), post("/small", "x".repeat(65_536))],
  ["more than a worker takes", new Uploading(), begin(16_777_217)],
] as const) {
  test(`nothing is lent: ${what}`, () => {
    fixture.deliver(request.slice(0, -1));
    assert.equal(fixture.handler.answers.length, 0);
    assert.equal(fixture.connection.phase, "content");
    fixture.close();
  });
}

function begin(lengthBytes: number): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${lengthBytes}\r\n\r\n${"x".repeat(99)}`;
}

test("nothing is lent of content that came chunked", () => {
  const fixture = new Uploading();
  const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  fixture.deliver(`${head}fffff\r\n${"x".repeat(50_000)}`);
  assert.equal(fixture.handler.answers.length, 0);
  fixture.close();
});

test("where all that is left has come, that is enough to wait for", () => {
  const fixture = new Uploading(CONTENT.length - 150_000, {
    spool: { ...SETTINGS.spool, inlineMaxBytes: 150_000 },
  });
  fixture.deliver(UPLOAD.slice(0, UPLOAD.length - CONTENT.length + 149_999));
  assert.equal(fixture.handler.answers.length, 0);
  fixture.deliver("9");
  assert.equal(fixture.lent.received.length, 150_000);
});

test("what a worker gives back goes on here, and is handed on when it is whole", async () => {
  const fixture = lentUpload();
  assert.ok(fixture.giveBack(CONTENT.slice(FIRST_BYTES, FIRST_BYTES + 10)));
  assert.ok(fixture.giveBack(CONTENT.slice(FIRST_BYTES + 10, 120_000)));
  assert.equal(fixture.connection.phase, "answer");
  fixture.lent.onLeft();
  assert.equal(fixture.connection.phase, "content");
  assert.ok(!fixture.client.paused);
  const { id } = fixture.last.request;
  fixture.deliver(CONTENT.slice(120_000) + get("/next"));
  assert.equal(await fixture.content(), CONTENT);
  assert.equal(fixture.last.request.id, id, "it is called what it was called");
  fixture.last.answer("thanks");
  assert.equal(fixture.last.path, "/next");
  fixture.last.answer("next");
  // A client that was slow once is not believed on the same connection.
  fixture.deliver(FIRST);
  assert.equal(fixture.handler.answers.length, 3);
  fixture.close();
});

test("more than was left cannot be given back, nor all of it", () => {
  for (const bytes of [CONTENT.length - FIRST_BYTES, CONTENT.length]) {
    const fixture = lentUpload();
    assert.equal(fixture.giveBack("x".repeat(bytes)), false);
    fixture.close();
  }
});

test("where no worker is free for long, the client is read here", async () => {
  const fixture = lentUpload();
  const first = fixture.last;
  first.workerShare = WAITS;
  fixture.sweepAt(249);
  assert.ok(!first.cancelled);
  fixture.sweepAt(250);
  assert.ok(first.cancelled);
  assert.ok(!fixture.client.paused);
  fixture.deliver(CONTENT.slice(FIRST_BYTES));
  assert.equal(await fixture.content(), CONTENT);
});

test("a request that was taken out of the queue is not lent again", () => {
  const spool = { ...SETTINGS_HERE.spool, inlineMaxBytes: 150_000 };
  const fixture = new Uploading(65_536, { spool });
  fixture.deliver(FIRST);
  fixture.last.workerShare = WAITS;
  fixture.sweepAt(250);
  fixture.deliver("more");
  assert.equal(fixture.handler.answers.length, 1);
  fixture.close();
});

test("once a worker has the request, no time is too long here", () => {
  const fixture = lentUpload();
  fixture.last.workerShare = { ...WAITS, queueUs: 5 };
  fixture.sweepAt(60_000);
  assert.ok(!fixture.last.cancelled);
  assert.equal(fixture.connection.phase, "answer");
});

test("time in which nobody reads does not count against the client", () => {
  const fixture = lentUpload();
  fixture.last.workerShare = WAITS;
  fixture.nowMs = 30_000;
  fixture.lent.onLeft();
  fixture.sweepAt(30_000);
  assert.equal(fixture.connection.phase, "content");
  fixture.sweepAt(50_000);
  assert.equal(fixture.connection.phase, "lingering", "that is its own pause");
  assert.match(fixture.received.toString(), /^HTTP\/1.1 408 /);
});

test("a queue that is full is no reason to refuse what has not arrived", async () => {
  const fixture = new Uploading();
  fixture.handler.full = true;
  fixture.deliver(FIRST);
  assert.equal(fixture.connection.phase, "content");
  fixture.handler.full = false;
  fixture.deliver(CONTENT.slice(FIRST_BYTES));
  assert.equal(await fixture.content(), CONTENT);
});

test("a worker that dies with it: an answer, and the connection ends", () => {
  const fixture = lentUpload();
  fixture.last.sink.onAnswerFailure("worker-exited");
  assert.match(fixture.received.toString(), /^HTTP\/1.1 502 /);
  assert.match(fixture.received.toString(), /\r\nConnection: close\r\n/);
  assert.ok(!fixture.client.paused, "a client that still sends can come to read it");
  // What is left of the content is no request.
  fixture.deliver(CONTENT.slice(FIRST_BYTES) + get("/next"));
  assert.equal(fixture.handler.answers.length, 1);
});

test("once the content was taken, a failure is like any other", () => {
  const fixture = lentUpload();
  fixture.lent.onTaken();
  fixture.last.sink.onAnswerFailure("application-error");
  assert.match(fixture.received.toString(), /^HTTP\/1.1 500 /);
  fixture.deliver(get("/next"));
  assert.equal(fixture.last.path, "/next");
});

test("what is told of it is what has come", () => {
  const fixture = lentUpload();
  const { request } = fixture.last;
  assert.ok(request instanceof ReceivedRequest);
  assert.equal(request.contentBytes, FIRST_BYTES);
  fixture.giveBack("12345");
  assert.equal(request.contentBytes, FIRST_BYTES + 5);
  fixture.lent.onTaken();
  assert.equal(request.contentBytes, CONTENT.length);
});

test("a client that goes away ends it", () => {
  const fixture = lentUpload();
  const { last } = fixture;
  fixture.client.break(new Error("recv: ECONNRESET"));
  assert.ok(last.cancelled);
  assert.equal(fixture.closedReports, 1);
});

test("an exchange that takes too long in all ends with an answer", () => {
  for (const queueUs of [null, 5]) {
    const fixture = new Uploading(65_536, { exchangeTimeoutMs: 1_000 });
    fixture.deliver(FIRST);
    fixture.last.workerShare = { ...WAITS, queueUs };
    fixture.sweepAt(1_000);
    assert.ok(fixture.last.cancelled);
    assert.match(fixture.received.toString(), /^HTTP\/1.1 504 /);
    // The worker would go on with what follows what we read.
    assert.equal(fixture.client.paused, queueUs !== null, "a worker may still read");
    fixture.lent.onTaken();
    assert.ok(!fixture.client.paused);
    assert.equal(fixture.connection.phase, "lingering");
    fixture.close();
  }
});

test("a worker that was given up may still read: nobody else does", () => {
  const fixture = lentUpload();
  fixture.last.sink.onAnswerFailure("timed-out");
  assert.match(fixture.received.toString(), /^HTTP\/1.1 504 /);
  assert.ok(fixture.client.paused);
  fixture.giveBack("x");
  fixture.lent.onLeft();
  assert.ok(!fixture.client.paused);
  assert.equal(fixture.connection.phase, "lingering");
});

test("content that cannot be kept when it is given back: an answer, and nothing is run", () => {
  const spool = { ...SETTINGS_HERE.spool, folder: "/nowhere/to/be/found" };
  const fixture = new Uploading(65_536, { spool });
  fixture.deliver(FIRST);
  const { lent: content, last } = fixture;
  fixture.giveBack(CONTENT.slice(FIRST_BYTES, 90_000));
  assert.ok(last.cancelled, "whoever has it is told");
  assert.match(fixture.received.toString(), /^HTTP\/1.1 507 /);
  assert.equal(content.lengthBytes, CONTENT.length);
  fixture.deliver(CONTENT.slice(90_000) + get("/next"));
  assert.equal(fixture.handler.answers.length, 1);
});

test("whatever a worker gives back, the request is the same, and so is the next", async () => {
  const cuts = fc.array(fc.nat(CONTENT.length - FIRST_BYTES - 1), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(cuts, fc.boolean(), async (places, isTaken) => {
      const fixture = lentUpload();
      const ends = places.map((place) => FIRST_BYTES + place).toSorted((a, b) => a - b);
      let at = FIRST_BYTES;
      if (isTaken) {
        fixture.lent.onTaken();
        at = CONTENT.length;
      } else {
        for (const end of ends) {
          assert.ok(fixture.giveBack(CONTENT.slice(at, end)));
          at = end;
        }
        fixture.lent.onLeft();
        fixture.deliver(CONTENT.slice(at));
        assert.equal(await fixture.content(), CONTENT);
      }
      fixture.last.answer("thanks");
      fixture.deliver(post("/next", "small"));
      assert.deepEqual([fixture.last.path, fixture.last.content], ["/next", "small"]);
      fixture.close();
    }),
    { numRuns: 60 },
  );
});
