/** `portico top` on a real terminal, driven by keys, sizes and signals. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { requireProgram } from "../system-programs.ts";
import { runClient } from "./clients/client-program.ts";
import { observeUntil } from "./control-conversation.ts";
import { APPLICATIONS, get } from "./exercise.ts";
import { RawClient } from "./raw-client.ts";
import { PORTICO, type ServerProcess, startPortico } from "./server-process.ts";

const TYPIST = path.join(import.meta.dirname, "clients", "typist.py");
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";

type Step =
  | { readonly type: string; readonly pause: number }
  | { readonly await: string | null }
  | { readonly size: readonly [rows: number, columns: number] }
  | { readonly signal: string; readonly pid?: number };

const python = requireProgram("python3");

interface Seen {
  /** Everything that came to the terminal. */
  readonly text: string;
  /** Each drawing by itself. */
  readonly screens: readonly string[];
  /** What the typist says of the end. */
  readonly end: string;
}

function press(keys: string): Step {
  return { type: keys, pause: 0.05 };
}

if (python !== null) {
  describe("portico top at a terminal", { concurrency: 2 }, () => {
    let folder: string;
    let server: ServerProcess;
    let client: RawClient;
    let socket: string;

    before(async () => {
      folder = mkdtempSync(path.join(os.tmpdir(), "portico-top-"));
      socket = path.join(folder, "c.sock");
      const own = ["--chdir", APPLICATIONS, "--control-socket", socket, "--workers", "2"];
      server = await startPortico([...own, "observed:app"]);
      client = await RawClient.connect(server.port);
      client.write(get(`/hang?${path.join(folder, "go")}`));
      await observeUntil(socket, "a worker that has it", ({ snapshot }) =>
        snapshot.processes.some(({ busy }) => busy.length > 0),
      );
    });

    after(async () => {
      writeFileSync(path.join(folder, "go"), "");
      await client.readResponse();
      client.close();
      await server.stop();
      rmSync(folder, { recursive: true });
    });

    async function top(steps: readonly Step[], at = socket, colour = true): Promise<Seen> {
      const variables = colour ? ["NO_COLOR="] : ["NO_COLOR=1"];
      const program = [PORTICO, "top", "--interval", "200ms", "--control-socket", at];
      const command = [TYPIST, "env", "TERM=xterm", "LC_ALL=C.UTF-8", ...variables, ...program];
      const { text, stderr, status } = await runClient(python ?? "", command, {
        input: JSON.stringify(steps),
      });
      assert.equal(status, 0, `${stderr}\nOn the terminal:\n${JSON.stringify(text)}`);
      const screens = text.split("\x1b[?2026h\x1b[H").slice(1);
      return { text, screens, end: stderr };
    }

    test("shows what there is, and leaves the terminal as it was", async () => {
      const { text, screens, end } = await top([
        { size: [24, 80] },
        { await: "worker 2" },
        press("q"),
        { await: null },
      ]);
      assert.ok(text.startsWith(ENTER) && text.trimEnd().endsWith(LEAVE), JSON.stringify(text));
      const modes = /^ended with 0, modes (\d+) (\d+)\n/.exec(end);
      assert.equal(modes?.[1], modes?.[2], end);
      const screen = screens.at(-1) ?? "";
      assert.match(screen, /observed:app/);
      assert.match(screen, /GET \/hang/);
      assert.match(screen, /q quit/);
      assert.equal(screen.split("\r\n").length, 24);
    });

    test("s shows the stack of the worker that is busy, and s again the rest", async () => {
      const { screens } = await top([
        { size: [40, 100] },
        { await: "worker 2" },
        press("s"),
        { await: "in hang_in_a_view" },
        press("s"),
        { await: "CONNECTION" },
        press("q"),
        { await: null },
      ]);
      const stack = screens.find((screen) => screen.includes("hang_in_a_view")) ?? "";
      assert.match(stack, /Python's stack of worker PID \d+/);
    });

    test("the arrows choose another worker", async () => {
      let marks: string[] = [];
      await observeUntil(socket, "both workers", ({ snapshot: { processes } }) => {
        marks = processes.flatMap(({ kind, pid }) => (kind === "worker" ? [`>${pid}`] : []));
        return marks.length === 2;
      });
      const [first = "", second = ""] = marks;
      const { screens } = await top([
        { size: [24, 80] },
        { await: first },
        // The bytes of one key, as near to each other as a terminal sends them.
        { type: "\x1b[B", pause: 0 },
        { await: second },
        { type: "\x1b[A", pause: 0 },
        { await: first },
        press("q"),
        { await: null },
      ]);
      const chosen = new Set(screens.map((screen) => /^[^]*?> *(\d+)/m.exec(screen)?.[1]));
      assert.equal(chosen.size, 2, [...chosen].join());
    });

    test("is drawn anew for another size", async () => {
      const { screens } = await top([
        { size: [24, 80] },
        { await: "worker 2" },
        { size: [12, 60] },
        { await: "worker 2" },
        { await: "worker 2" },
        press("q"),
        { await: null },
      ]);
      const rows = screens.map((screen) => screen.split("\r\n").length);
      assert.ok(rows.includes(24) && rows.includes(12), rows.join());
    });

    test("without colour it has none", async () => {
      const steps = [
        { size: [24, 80] },
        { await: "worker 2" },
        press("q"),
        { await: null },
      ] as const;
      const strong = "\x1b[1m";
      assert.ok((await top(steps)).text.includes(strong));
      assert.ok(!(await top(steps, socket, false)).text.includes(strong));
    });

    for (const [signal, status] of [
      ["SIGTERM", 143],
      ["SIGINT", 130],
      ["SIGHUP", 129],
    ] as const) {
      test(`${signal} leaves the terminal as it was`, async () => {
        const { text, end } = await top([{ await: "worker 2" }, { signal }, { await: null }]);
        assert.ok(text.endsWith(LEAVE), JSON.stringify(text.slice(-200)));
        const modes = new RegExp(`^ended with ${status}, modes (\\d+) (\\d+)\n`).exec(end);
        assert.ok(modes !== null, end);
        assert.equal(modes[1], modes[2]);
      });
    }

    /** Another one, for a test that ends it. */
    function startAt(place: string): Promise<ServerProcess> {
      const own = ["--chdir", APPLICATIONS, "--control-socket", place, "--workers", "1"];
      return startPortico([...own, "observed:app"]);
    }

    test("a gateway that is gone is looked for, and given up", async () => {
      const place = path.join(folder, "gone.sock");
      await using gone = await startAt(place);
      const { text, end } = await top(
        [
          { await: "worker 1" },
          { signal: "SIGTERM", pid: gone.pid },
          { await: "looking for it" },
          { await: null },
        ],
        place,
      );
      assert.match(end, /^ended with 5,/);
      assert.match(text, /portico: top: \S+gone\.sock does not answer any more\r\n$/);
      assert.ok(text.includes(LEAVE));
    });

    test("of several gateways it chooses among all workers, and asks the right one", async () => {
      const place = path.join(folder, "several.sock");
      const own = ["--chdir", APPLICATIONS, "--control-socket", place, "--gateways", "2"];
      await using several = await startPortico([...own, "--workers", "2", "observed:app"]);
      const { screens } = await top(
        [
          { size: [40, 100] },
          { await: "gateway 1" },
          press("s"),
          { await: "in serve" },
          press("s"),
          // Not what the head says, which is there above the stack as well.
          { await: "arrows choose" },
          // The other gateway's.
          press("j"),
          press("s"),
          { await: "in serve" },
          press("q"),
          { await: null },
        ],
        place,
      );
      assert.match(screens[0] ?? "", new RegExp(` ${several.pid} .*leader`));
      const stacks = screens.flatMap((screen) =>
        screen.includes("in serve") ? (/stack of worker PID (\d+)/.exec(screen)?.[1] ?? []) : [],
      );
      assert.equal(new Set(stacks).size, 2, stacks.join());
    });

    test("another one in its place is found", async () => {
      const place = path.join(folder, "next.sock");
      await using first = await startAt(place);
      const seen = top(
        [
          { await: "worker 1" },
          { signal: "SIGTERM", pid: first.pid },
          { await: "looking for it" },
          { await: "worker 1" },
          press("q"),
          { await: null },
        ],
        place,
      );
      await first.ended;
      await using next = await startAt(place);
      const { screens, end } = await seen;
      assert.match(end, /^ended with 0,/);
      assert.match(screens.at(-1) ?? "", new RegExp(` ${next.pid} `));
    });
  });
}
