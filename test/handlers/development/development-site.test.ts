import assert from "node:assert/strict";
import { beforeEach, describe, type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { DevelopmentSite } from "../../../src/handlers/development/development-site.ts";
import type { ConnectionHandler, PendingAnswer } from "../../../src/handlers/handler.ts";
import { PlayedHandler } from "../../server/played-handler.ts";
import { RecordingSink } from "../../workers/recording-sink.ts";
import { ENDPOINTS, PROVENANCE, requestHead } from "../request-head.ts";

const CODE_WAIT_MAX_MS = 10_000;
const STATE_WAIT_MAX_MS = 10_000;

describe("a site in development", () => {
  let application: PlayedHandler;
  let site: DevelopmentSite;
  let connection: ConnectionHandler;

  beforeEach(() => {
    application = new PlayedHandler();
    site = new DevelopmentSite(application, {
      reference: "app:app",
      folder: "/site",
      rootPath: "/below",
      errorFormat: "text",
      codeWaitMaxMs: CODE_WAIT_MAX_MS,
      run: "r",
    });
    connection = site.openConnection(ENDPOINTS);
  });

  /** A request that has been handed over. */
  class Asked {
    readonly sink = new RecordingSink();
    readonly pending: PendingAnswer | null;

    constructor(target: string, method = "GET") {
      this.pending = connection.handle(
        {
          id: "id",
          head: requestHead(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`),
          provenance: PROVENANCE,
          content: null,
          contentLength: null,
          trace: null,
          trailers: [],
        },
        this.sink,
      );
    }

    get status(): number | null {
      return this.sink.status;
    }
  }

  const stateNow = async (): Promise<string> => {
    const asked = new Asked("/.portico/reload");
    await turn();
    assert.equal(asked.status, 200);
    return JSON.parse(asked.sink.content).state;
  };

  test("while the code loads, the application answers", () => {
    const asked = new Asked("/");
    application.answerAt(0).answer("hello");
    assert.equal(asked.sink.content, "hello");
  });

  test("while it does not, every request gets the traceback, in a later turn", async () => {
    site.showBroken("it is broken", "Traceback...");
    const asked = new Asked("/anything", "POST");
    assert.equal(asked.status, null);
    await turn();
    assert.equal(asked.status, 500);
    assert.match(asked.sink.content, /^app:app does not load\.\n\nit is broken\n\nTraceback/);
    assert.equal(application.answers.length, 0);
  });

  test("when it loads again, the application answers again", async () => {
    site.showBroken("it is broken", null);
    site.showApplication();
    const asked = new Asked("/");
    application.answerAt(0).answer("hello");
    assert.equal(asked.status, 200);
  });

  test("a page for which nobody waits any more is not given", async () => {
    site.showBroken("it is broken", null);
    const asked = new Asked("/");
    asked.pending?.cancel();
    await turn();
    assert.equal(asked.status, null);
  });

  describe("while newer code is being loaded", () => {
    test("requests wait, and go to the application in their order", () => {
      site.hold();
      const first = new Asked("/1");
      const second = new Asked("/2");
      assert.equal(application.answers.length, 0);
      site.release();
      assert.deepEqual(
        application.answers.map(({ path }) => path),
        ["/1", "/2"],
      );
      application.answerAt(1).answer("two");
      application.answerAt(0).answer("one");
      assert.deepEqual([first.sink.content, second.sink.content], ["one", "two"]);
    });

    test("requests wait, and get the traceback where it does not load", async () => {
      site.hold();
      const asked = new Asked("/");
      site.showBroken("it is broken", null);
      site.release();
      await turn();
      assert.equal(asked.status, 500);
    });

    test("they wait for a bounded time", (t: TestContext) => {
      t.mock.timers.enable({ apis: ["setTimeout"] });
      site.hold();
      void new Asked("/");
      t.mock.timers.tick(CODE_WAIT_MAX_MS - 1);
      assert.equal(application.answers.length, 0);
      t.mock.timers.tick(1);
      assert.equal(application.answers.length, 1);
    });

    test("only so many wait", () => {
      site.hold();
      for (let count = 0; count < 1001; count++) void new Asked("/");
      assert.equal(application.answers.length, 1);
      site.release();
      assert.equal(application.answers.length, 1001);
    });

    test("one that nobody waits for does not reach the application", () => {
      site.hold();
      const asked = new Asked("/");
      asked.pending?.cancel();
      site.release();
      assert.equal(application.answers.length, 0);
    });

    test("afterwards the application's own answer is cancelled, paused and resumed", () => {
      site.hold();
      const asked = new Asked("/");
      asked.pending?.pause();
      asked.pending?.resume();
      site.release();
      const answer = application.answerAt(0);
      asked.pending?.pause();
      assert.ok(answer.paused);
      asked.pending?.resume();
      assert.ok(!answer.paused);
      asked.pending?.cancel();
      assert.ok(answer.cancelled);
    });

    test("one that the application does not take fails as it would without waiting", () => {
      site.hold();
      const asked = new Asked("/");
      application.full = true;
      site.release();
      assert.equal(asked.sink.failure, "queue-full");
    });
  });

  describe("its state", () => {
    test("is told at once to whoever knows another, or none", async () => {
      const state = await stateNow();
      for (const target of [
        "/.portico/reload",
        "/below/.portico/reload?since=other",
        "/.portico/reload?since=r-",
      ]) {
        const asked = new Asked(target);
        await turn();
        assert.equal(asked.status, 200, target);
        assert.deepEqual(JSON.parse(asked.sink.content), { state, loads: true });
      }
      assert.equal(application.answers.length, 0);
    });

    test("is told when it changes to whoever knows the present one", async () => {
      const asked = new Asked(`/.portico/reload?since=${await stateNow()}`);
      await turn();
      assert.equal(asked.status, null);
      site.showBroken("it is broken", null);
      await turn();
      assert.equal(asked.status, 200);
      assert.deepEqual(JSON.parse(asked.sink.content), { state: "r-1", loads: false });
      const next = new Asked("/.portico/reload?since=r-1");
      site.showApplication();
      await turn();
      assert.deepEqual(JSON.parse(next.sink.content), { state: "r-2", loads: true });
    });

    test("that does not change is 204 after a while", async (t: TestContext) => {
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const asked = new Asked("/.portico/reload?since=r-0");
      t.mock.timers.tick(STATE_WAIT_MAX_MS);
      await turn();
      assert.equal(asked.status, 204);
      assert.equal(asked.sink.contentLength, null);
    });

    test("is waited for by nobody once everything ends", async () => {
      const asked = new Asked("/.portico/reload?since=r-0");
      site.close();
      await turn();
      assert.equal(asked.status, 204);
      assert.equal(new Asked("/.portico/reload?since=r-0").pending, null);
      site.hold();
      void new Asked("/");
      assert.equal(application.answers.length, 1);
    });

    test("is told to whoever asks while newer code is being loaded", async () => {
      site.hold();
      await stateNow();
    });

    test("takes no other method", async () => {
      const asked = new Asked("/.portico/reload", "POST");
      await turn();
      assert.equal(asked.status, 405);
      assert.match(asked.sink.head, /\r\nAllow: GET, HEAD\r\n/);
    });
  });
});
