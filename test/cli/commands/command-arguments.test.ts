import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { OperatorError } from "../../../src/base/errors.ts";
import {
  type CommandArguments,
  commandOf,
  parseCommandArguments,
} from "../../../src/cli/commands/command-arguments.ts";
import { commandHelp } from "../../../src/cli/commands/command-help.ts";
import { commandOption, COMMANDS } from "../../../src/cli/commands/command-records.ts";

function parse(...argv: string[]): CommandArguments {
  const record = commandOf(argv);
  assert(record !== null, "it is a command");
  return parseCommandArguments(record, argv);
}

describe("whether it is a command", () => {
  for (const [argv, name] of [
    [["reload"], "reload"],
    [["status", "--json"], "status"],
    [["--json", "status"], "status"],
    [["--pid", "12", "stop"], "stop"],
    [["--pid=12", "stop"], "stop"],
    [["scale"], "scale"],
    [["-h", "reload"], "reload"],
    [["reload:app"], null],
    [["reload.wsgi"], null],
    [["shop:app", "reload"], null],
    [["--workers", "2", "reload"], null],
    [["--pid", "reload"], null],
    [["--", "reload"], null],
    [["--help"], null],
    [[], null],
  ] as const) {
    test(`${argv.join(" ") || "nothing"}: ${name ?? "no"}`, () => {
      assert.equal(commandOf(argv)?.name ?? null, name);
    });
  }
});

describe("what it says", () => {
  test("nothing but its name", () => {
    assert.deepEqual(parse("reload"), {
      name: "reload",
      controlSocket: null,
      pid: null,
      pidFile: null,
      waitMs: null,
      json: false,
      watch: false,
      help: false,
      range: null,
      intervalMs: null,
      once: false,
      workerPid: null,
    });
  });

  test("options, in any place", () => {
    const args = parse("--pid", "12", "reload", "--watch", "--wait=1.5", "--json");
    assert.deepEqual([args.pid, args.watch, args.waitMs, args.json], [12, true, 1500, true]);
    assert.equal(parse("stop", "--wait", "0").waitMs, 0);
    assert.equal(parse("stop", "--pid-file", "run/pid").pidFile, "run/pid");
    assert.equal(parse("stop", "--control-socket", "/run/x").controlSocket, "/run/x");
  });

  test("ranges", () => {
    assert.deepEqual(parse("scale", "4").range, { min: 4, max: 4 });
    assert.deepEqual(parse("scale", "2..8").range, { min: 2, max: 8 });
    assert.deepEqual(parse("--json", "scale", "1").range, { min: 1, max: 1 });
    assert.equal(parse("scale", "--help").range, null);
  });

  for (const [argv, complaint] of [
    [["scale"], /needs N\|MIN\.\.MAX/],
    [["scale", "0"], /expected a number from 1/],
    [["scale", "8..2"], /expected a number from 1/],
    [["scale", "2.."], /expected a number/],
    [["scale", "-1"], /no option "-1"/],
    [["scale", "many"], /got "many"/],
    [["scale", "2", "3"], /"3" is too much/],
    [["reload", "shop:app"], /"shop:app" is too much/],
    [["reload", "--wach"], /no option "--wach" \(did you mean --watch\?\)/],
    [["status", "--watch"], /no option "--watch"/],
    [["status", "--pid"], /--pid needs a value/],
    [["status", "--pid", "--json"], /--pid needs a value/],
    [["status", "--pid", "0"], /--pid: expected a whole number, 1 to/],
    [["status", "--pid", "1", "--pid-file", "x"], /--pid and --pid-file each/],
    [["stop", "--wait", "soon"], /--wait: expected a duration/],
    [["status", "--json=maybe"], /--json: expected true or false/],
  ] as const) {
    test(`${argv.join(" ")} is refused in one line`, () => {
      assert.throws(
        () => parse(...argv),
        (error) => {
          assert(error instanceof OperatorError);
          assert.equal(error.exitStatus, 2);
          assert.match(error.message, complaint);
          assert.doesNotMatch(error.message, /\n/);
          return true;
        },
      );
    });
  }
});

describe("the help", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/commands.md"), "utf8");
  for (const record of COMMANDS) {
    test(`of ${record.name} names each option and exit status, and is on the page`, () => {
      const text = commandHelp(record);
      for (const key of record.options) assert(text.includes(commandOption(key).flag), key);
      for (const status of [0, 1, 2, 5]) assert.match(text, new RegExp(`^  ${status}  \\w`, "m"));
      for (const line of text.split("\n")) assert(line.length <= 100 && !/\s$/.test(line), line);
      assert(page.includes(`\`\`\`text\n${text}\`\`\`\n`), text);
    });
  }
});
