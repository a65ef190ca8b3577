import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { EXIT_STATUS, OperatorError } from "../../../src/base/errors.ts";
import { type Log, type LogFields, NULL_LOG } from "../../../src/base/log.ts";
import type { ConnectionHandler } from "../../../src/handlers/handler.ts";
import { realClock } from "../../../src/os/real-clock.ts";
import { Development } from "../../../src/server/development/development.ts";
import { ENDPOINTS, PROVENANCE, requestHead } from "../../handlers/request-head.ts";
import { RecordingSink } from "../../workers/recording-sink.ts";
import { PlayedHandler } from "../played-handler.ts";
import { ProjectFolder } from "./project-folder.ts";

const HAPPENS_WITHIN_MS = 5_000;
const POLL_INTERVAL_MS = 5;

describe("--reload", () => {
  let project: ProjectFolder;
  let application: PlayedHandler;
  let development: Development;
  let connection: ConnectionHandler;
  let lines: [message: string, fields: LogFields, details: string | null][];
  /** Reloads that were asked for and are not over: the test says what comes of them. */
  let reloads: PromiseWithResolvers<void>[];
  let abandoned: number;
  let nowMs: () => number;

  const until = async (what: string, condition: () => boolean): Promise<void> => {
    const deadline = performance.now() + HAPPENS_WITHIN_MS;
    while (!condition()) {
      assert.ok(performance.now() < deadline, what);
      await pause(POLL_INTERVAL_MS);
    }
  };
  const untilReload = async (number: number): Promise<void> => {
    await until(`reload ${number}`, () => reloads.length >= number);
    development.begun();
  };
  const ask = (accept = "text/plain"): RecordingSink => {
    const sink = new RecordingSink();
    const head = requestHead(`GET / HTTP/1.1\r\nHost: a\r\nAccept: ${accept}\r\n\r\n`);
    const nothing = { content: null, contentLength: null, trace: null, trailers: [] };
    connection.handle({ id: "id", head, provenance: PROVENANCE, ...nothing }, sink);
    return sink;
  };

  beforeEach(() => {
    project = new ProjectFolder();
    application = new PlayedHandler();
    lines = [];
    reloads = [];
    abandoned = 0;
    nowMs = () => realClock.nowMs();
    const note: Log["info"] = (message, fields = {}, details = null) => {
      lines.push([message, fields, details]);
    };
    project.write("app.py");
    project.write("other.py");
    const site = {
      reference: "app:app",
      folder: project.path,
      rootPath: "",
      errorFormat: "text",
      codeWaitMaxMs: 10_000,
      run: "r",
    } as const;
    development = new Development(
      { site, folders: [project.path], includes: [] },
      application,
      {
        reload: () => {
          const reload = Promise.withResolvers<void>();
          reloads.push(reload);
          return reload.promise;
        },
        abandonReload: () => void abandoned++,
      },
      { ...NULL_LOG, info: note, error: note },
      { nowMs: () => nowMs() },
    );
    connection = development.site.openConnection(ENDPOINTS);
    development.start();
    development.loadedAtStart();
    development.onFiles([project.at("app.py"), project.at("other.py")]);
    lines = [];
  });
  afterEach(() => {
    development.close();
    project[Symbol.dispose]();
  });

  test("a change is loaded, and requests wait for it", async () => {
    project.write("app.py", "changed");
    await untilReload(1);
    const sink = ask();
    assert.equal(application.answers.length, 0);
    development.served(2, "Flask", 1);
    application.answerAt(0).answer("new");
    assert.equal(sink.content, "new");
    assert.ok(lines[0] !== undefined);
    const [message, { tookMs, ...fields }] = lines[0];
    assert.equal(message, "reloaded");
    assert.deepEqual(fields, { changed: "app.py", generation: 2, kind: "Flask" });
    assert.ok(Number(tookMs) >= 50, "it is counted from the change");
    assert.equal(lines.length, 1);
  });

  test("changes at once are loaded at once", async () => {
    project.write("app.py", "changed");
    project.write("other.py", "changed");
    project.write("app.py", "changed again");
    await untilReload(1);
    development.served(2, "WSGI", 1);
    await pause(150);
    assert.equal(reloads.length, 1);
    assert.equal(lines[0]?.[1]["changed"], "app.py and 1 more");
  });

  test("a change while a reload is under way is loaded afterwards, and waited for", async () => {
    project.write("app.py", "changed");
    await untilReload(1);
    project.write("other.py", "changed");
    await pause(100);
    project.write("other.py", "changed again");
    await pause(100);
    assert.equal(reloads.length, 1);
    ask();
    development.served(2, "WSGI", 1);
    assert.equal(application.answers.length, 0);
    await untilReload(2);
    development.served(3, "WSGI", 1);
    assert.equal(application.answers.length, 1);
    await pause(150);
    assert.equal(reloads.length, 2);
  });

  test("code that does not load is shown, and logged with its traceback", async () => {
    project.write("app.py", "broken");
    await untilReload(1);
    const sink = ask();
    development.failed(2, 1, "it is broken", "Traceback...");
    await until("an answer", () => sink.ended);
    assert.equal(sink.status, 500);
    assert.match(sink.content, /it is broken/);
    assert.ok(lines[0] !== undefined);
    const [message, { changed, why }, details] = lines[0];
    assert.match(message, /^the code does not load/);
    assert.deepEqual([changed, why, details], ["app.py", "it is broken", "Traceback..."]);
    project.write("app.py", "repaired");
    await untilReload(2);
    development.served(3, "WSGI", 1);
    ask();
    assert.equal(application.answers.length, 1);
  });

  test("what takes long to load is given up once there is newer code", async () => {
    project.write("app.py", "while True: pass");
    await untilReload(1);
    nowMs = () => realClock.nowMs() + 6_000;
    await pause(150);
    assert.equal(abandoned, 0);
    project.write("app.py", "repaired");
    await until("giving up", () => abandoned === 1);
    const sink = ask();
    development.failed(2, 1, "it is not wanted any more", null);
    assert.match(lines[0]?.[0] ?? "", /is given up/);
    await untilReload(2);
    assert.equal(sink.status, null);
    development.served(3, "WSGI", 1);
    application.answerAt(0).answer("new");
    assert.equal(sink.content, "new");
  });

  test("what takes long to load is told of", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    development.begun();
    t.mock.timers.tick(10_000);
    t.mock.timers.tick(10_000);
    const isPatience = ([message]: [string, ...unknown[]]): boolean => /still being/.test(message);
    assert.equal(lines.filter(isPatience).length, 2);
    development.served(2, "WSGI", 1);
    t.mock.timers.tick(20_000);
    assert.equal(lines.filter(isPatience).length, 2);
  });

  test("so is what takes long at the start", async () => {
    development.start();
    nowMs = () => realClock.nowMs() + 6_000;
    project.write("app.py", "repaired");
    await until("giving up", () => abandoned === 1);
    development.brokenAtStart(new OperatorError(EXIT_STATUS.moduleNotLoaded, "it was killed"));
    await untilReload(1);
    development.served(3, "WSGI", 1);
    ask();
    assert.equal(application.answers.length, 1);
    assert.ok(!lines.some(([message]) => message.includes("does not load")));
  });

  test("code that does not load at the start: any source file may be what is missing", async () => {
    project.write("missing.py", "");
    await untilReload(1);
    development.brokenAtStart(
      new OperatorError(EXIT_STATUS.moduleNotLoaded, "no module named 'app'", null),
    );
    const sink = ask("text/html");
    await until("an answer", () => sink.ended);
    assert.match(sink.content, /<h1>no module named &#39;app&#39;<\/h1>/);
    project.write("missing.py", "changed");
    await untilReload(2);
  });

  test("a reload that somebody else asked for is shown and logged as well", () => {
    development.begun();
    ask();
    assert.equal(application.answers.length, 0);
    development.served(2, "WSGI", 123);
    assert.equal(application.answers.length, 1);
    assert.deepEqual(lines, [["reloaded", { tookMs: 123, generation: 2, kind: "WSGI" }, null]]);
  });

  test("once it is closed nothing is held and nothing reloaded", async () => {
    project.write("app.py", "changed");
    await untilReload(1);
    ask();
    development.close();
    assert.equal(application.answers.length, 1);
    project.write("other.py", "changed");
    await pause(150);
    ask();
    assert.equal(application.answers.length, 2);
    assert.equal(reloads.length, 1);
  });
});
