/**
 * `--reload` with real sites: a change is served by the next request, code that does not load is
 * shown, and what is repaired is served again.
 *
 * The sites are copies, which the tests edit as a developer does. What the page looks like to a
 * browser is `reload-browser.test.ts`'s.
 */
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { freePort } from "../../bench/free-port.ts";
import { ProjectFolder } from "../server/development/project-folder.ts";
import { type RawResponse, rawRequest } from "./raw-client.ts";
import { PROJECT_FOLDER, runPortico, type ServerProcess, startPortico } from "./server-process.ts";

/** On a quiet machine it is less than half a second. */
const SERVED_WITHIN_MS = 3_000;
const PYTHON = path.join(PROJECT_FOLDER, ".environments", "frameworks", "bin", "python3");
const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

let project: ProjectFolder;
let server: ServerProcess | null;

const start = async (...args: readonly string[]): Promise<void> => {
  server = await startPortico(["--reload", "--chdir", project.path, "--python", PYTHON, ...args]);
};
const get = (target: string, accept = "*/*"): Promise<RawResponse> => {
  const head = `GET ${target} HTTP/1.1\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`;
  return rawRequest(server?.port ?? 0, head);
};
/** How often a line of the log was written. */
const logged = (line: RegExp): number =>
  server?.stderr.split("\n").filter((written) => line.test(written)).length ?? 0;

/** Edits a file by replacing text in it. */
function edit(name: string, from: string, to: string): void {
  const text = readFileSync(project.at(name), "utf8");
  assert.ok(text.includes(from), `${name} has ${from}`);
  project.write(name, text.replaceAll(from, to));
}

/** The kernel has told of the change by now: it does so at once, but in a turn of its own. */
async function getAfterChange(target: string, accept?: string): Promise<RawResponse> {
  const asked = performance.now();
  let answer = await get(target, accept);
  const before = answer.text;
  // A request that overtakes the news of a change is answered by the old code, as if it had come
  // a moment earlier.
  for (let tries = 0; tries < 3 && answer.text === before; tries++) {
    answer = await get(target, accept);
  }
  const tookMs = performance.now() - asked;
  assert.ok(tookMs < SERVED_WITHIN_MS, `${tookMs} ms`);
  return answer;
}

beforeEach(() => {
  project = new ProjectFolder();
  server = null;
});
afterEach(async () => {
  await server?.stop();
  project[Symbol.dispose]();
});

for (const { framework, folder, below, reference, module } of [
  {
    framework: "Flask",
    folder: "flask_site",
    below: "flask_site",
    reference: "flask_site",
    module: "pages.py",
  },
  {
    framework: "Django",
    folder: "django_site",
    below: "",
    reference: "mysite.wsgi",
    module: "notes/views.py",
  },
  {
    framework: "Pyramid",
    folder: "pyramid_site",
    below: "pyramid_site",
    reference: "pyramid_site",
    module: "__init__.py",
  },
]) {
  describe(`a ${framework} site`, () => {
    const view = path.join(below, module);
    const template = path.join(
      below,
      framework === "Django" ? "notes/templates/about.html" : "templates/about.html",
    );

    beforeEach(async () => {
      cpSync(path.join(PROJECT_FOLDER, "examples", folder), project.at(below), { recursive: true });
      await start(reference);
      assert.match((await get("/about")).text, /It stores nothing/);
    });

    test("serves a template that was changed", async () => {
      edit(template, "It stores nothing", "It keeps all");
      assert.match((await getAfterChange("/about")).text, /It keeps all/);
      assert.equal(
        logged(/ info reloaded changed=\S*about\.html tookMs=\d+ generation=2 kind=/),
        1,
      );
      assert.equal(server?.stderr.split("\n").filter((line) => / info /.test(line)).length, 2);
    });

    test("shows a view that is broken, and serves it when it is repaired", async () => {
      const marker = "from __future__ import annotations\n";
      edit(view, marker, `${marker}import nothing_of_that_name\n`);
      const broken = await getAfterChange("/about", BROWSER);
      assert.equal(broken.status, 500);
      assert.equal(broken.field("content-type"), "text/html; charset=utf-8");
      assert.match(broken.text, /<h1>ModuleNotFoundError: No module named &#39;nothing_of_that/);
      assert.match(broken.text, new RegExp(`<code>${view}</code>, line <strong>\\d+</strong>`));
      edit(view, "import nothing_of_that_name\n", "");
      assert.match((await getAfterChange("/about", BROWSER)).text, /It stores nothing/);
    });
  });
}

describe("an application", () => {
  const APPLICATION = `
import part
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [part.TEXT.encode()]
`;
  /** Everything that is asked from now on is answered by this. */
  const serves = async (text: string): Promise<void> => {
    assert.equal((await getAfterChange("/")).text, text);
  };

  beforeEach(() => {
    project.write("app.py", APPLICATION);
    project.write("part.py", "TEXT = 'one'");
  });

  test("that is edited again and again within a second is served as it is", async () => {
    await start("app:app");
    for (const number of [1, 2, 3, 4, 5, 6]) {
      project.replace("part.py", `TEXT = 'n-${number}'`);
      await serves(`n-${number}`);
    }
    // Gateway, guardian, zygote and worker: nothing is left of what has served before.
    await server?.until("four processes", () => server?.processes().length === 4);
  });

  test("is edited under load: every request is answered by the old code or the new", async () => {
    await start("app:app");
    const texts: string[] = [];
    const over = new AbortController();
    const load = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const { status, text } = await get("/");
        assert.equal(status, 200);
        texts.push(text);
      }
    };
    const clients = [load(), load(), load(), load()];
    for (const text of ["one", "two", "three", "four"]) {
      project.write("part.py", `TEXT = '${text}'`);
      await server?.until(text, () => texts.at(-1) === text, SERVED_WITHIN_MS);
    }
    over.abort();
    await Promise.all(clients);
    assert.deepEqual([...new Set(texts)], ["one", "two", "three", "four"]);
  });

  test("that is broken is told of once, in text, JSON or HTML", async () => {
    await start("app:app");
    project.write("part.py", "TEXT = (");
    const text = await getAfterChange("/x?y=1");
    assert.equal(text.status, 500);
    assert.equal(text.field("content-type"), "text/plain; charset=utf-8");
    assert.match(text.text, /part\.py", line 1\n[^]*SyntaxError: /);
    const json = await get("/", "application/json");
    assert.equal(json.field("content-type"), "application/problem+json");
    assert.match(JSON.parse(json.text).traceback, /SyntaxError/);
    const html = await get("/", BROWSER);
    assert.match(html.text, /<h1>SyntaxError: /);
    assert.match(html.field("content-security-policy") ?? "", /^default-src 'none'; /);
    assert.equal(logged(/ error the code does not load.* changed=part\.py .*SyntaxError/), 1);
    assert.equal(logged(/^ {4}SyntaxError: /), 1);
  });

  test("imports a module that is not there, until it is", async () => {
    await start("app:app");
    project.write("app.py", `import missing\n${APPLICATION}`);
    assert.match((await getAfterChange("/")).text, /No module named 'missing'/);
    project.write("missing/__init__.py", "");
    await serves("one");
  });

  test("imports a module when it is asked: changes of it count from then on", async () => {
    const late = APPLICATION.replace("import part\n", "").replace(
      "return [",
      "import part; return [",
    );
    project.write("app.py", late);
    await start("app:app");
    await serves("one");
    project.write("part.py", "TEXT = 'two'");
    await serves("two");
  });

  for (const args of [["--threads=2"], ["--worker-class=request"], ["--transport=node"]]) {
    test(`is served with ${args[0]}, also what a view imports`, async () => {
      const late = APPLICATION.replace("return [", "import late; return [late.TEXT, ");
      project.write("app.py", late);
      project.write("late.py", "TEXT = b'late '");
      await start(...args, "app:app");
      await serves("late one");
      project.write("part.py", "TEXT = 'two'");
      await serves("late two");
      project.write("late.py", "TEXT = b'later '");
      await serves("later two");
      project.write("late.py", "TEXT = b'latest '");
      await serves("latest two");
    });
  }

  test("does not load at the start: it is shown, and served as soon as it loads", async () => {
    project.write("app.py", "import part, missing");
    await start("app:app");
    assert.match(server?.stdout ?? "", /serves app:app as soon as it loads/);
    assert.match(server?.stderr ?? "", /ModuleNotFoundError: No module named 'missing'/);
    assert.match((await get("/")).text, /^app:app does not load\.[^]*No module named 'missing'/);
    project.write("app.py", APPLICATION);
    await serves("one");
    assert.equal(logged(/ info reloaded changed=app\.py/), 1);
  });

  test("is not there at the start, nor its folder", async () => {
    project.remove("app.py");
    await start("site/app.py:app");
    assert.match((await get("/")).text, /there is no such file/);
    project.write("site/app.py", APPLICATION);
    await serves("one");
  });

  test("raises in its factory, exits, or is no application", async () => {
    await start("app:app");
    for (const [code, said] of [
      ["def app(): raise RuntimeError('not yet')\napp = app()", /RuntimeError: not yet/],
      ["raise SystemExit(3)", /SystemExit/],
      ["import os; os._exit(7)", /exited with status 7/],
      ["app = 7", /not callable/],
    ] as const) {
      project.write("app.py", code);
      const answer = await getAfterChange("/");
      assert.equal(answer.status, 500);
      assert.match(answer.text, said);
    }
    project.write("app.py", APPLICATION);
    await serves("one");
  });

  for (const when of ["when it is changed", "at the start"] as const) {
    test(`hangs while it is loaded ${when}: it is given up when it is repaired`, async () => {
      const hang = "import time\nopen('hanging', 'w').close()\ntime.sleep(100)\n";
      if (when === "at the start") project.write("part.py", hang);
      const ready = when === "at the start" ? await freePort() : 0;
      server = await startPortico(
        ["--bind", `127.0.0.1:${ready}`, "--reload", "--chdir", project.path, "app:app"],
        ready === 0 ? {} : { ready },
      );
      if (when === "when it is changed") project.write("part.py", hang);
      await server.until("the hang", () => existsSync(project.at("hanging")));
      project.write("part.py", "TEXT = 'two'");
      await server.until("the repaired code", async () => (await get("/")).text === "two", 9_000);
      assert.equal(logged(/ info what was being loaded is given up/), 1);
    });
  }

  test("reads a file that --reload-include names", async () => {
    project.write("data/text.toml", "one");
    project.write("data/other.txt", "x");
    project.write("part.py", "TEXT = open('data/text.toml').read()");
    await start("--reload-include", "*.toml", "app:app");
    project.write("data/other.txt", "y");
    project.write("data/text.toml", "two");
    await serves("two");
    assert.equal(logged(/ info reloaded changed=data\/text\.toml tookMs/), 1);
  });

  test("is reloaded by HUP as well", async () => {
    await start("app:app");
    server?.signal("SIGHUP");
    await server?.until("a reload", () => logged(/ info reloaded tookMs=\d+ generation=2/) === 1);
  });

  test("has one worker, unless more are asked for", async () => {
    await start("app:app");
    assert.match(server?.stdout ?? "", /workers +1 \(one is enough with --reload\)/);
    await server?.stop();
    await start("--workers", "2..3", "app:app");
    assert.match(server?.stdout ?? "", /workers +2 to 3 \(as asked for\)/);
    project.write("part.py", "TEXT = 'two'");
    await serves("two");
  });

  test("ends at once when it is told to, although a page waits for news", async () => {
    await start("app:app");
    const { state } = JSON.parse((await get("/.portico/reload")).text);
    const waiting = get(`/.portico/reload?since=${state}`);
    await get("/");
    const told = performance.now();
    await server?.stop();
    assert.ok(performance.now() - told < SERVED_WITHIN_MS);
    assert.equal((await waiting).status, 204);
  });

  test("that others can reach is warned of", async () => {
    await start("--bind", "0.0.0.0:0", "app:app");
    assert.equal(logged(/ warn --reload shows tracebacks to everybody .*0\.0\.0\.0/), 1);
  });

  test("without --reload has no such path, and is not watched", async () => {
    server = await startPortico(["--chdir", project.path, "app:app"]);
    assert.equal((await get("/.portico/reload")).text, "one");
    assert.equal(logged(/watching/), 0);
  });
});

test("--reload-include without --reload is refused", async () => {
  const { status, stderr } = await runPortico(["--reload-include", "*.toml", "app:app"]);
  assert.equal(status, 2);
  assert.equal(stderr, "portico: --reload-include: only together with --reload\n");
});

test("a project that is reached by a symbolic link", async () => {
  project.write("real/app.py", "def app(e, s):\n  s('200 OK', [])\n  return [b'one']\n");
  project.link("link", project.at("real"));
  assert.equal(realpathSync(project.at("link")), project.at("real"));
  server = await startPortico(["--reload", "--chdir", project.at("link"), "app:app"]);
  edit("real/app.py", "one", "two");
  assert.equal((await getAfterChange("/")).text, "two");
});
