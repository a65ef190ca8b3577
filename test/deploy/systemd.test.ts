/** The units of `examples/deploy/`, seen by systemd itself and by Portico. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { commandOf, parseCommandArguments } from "../../src/cli/commands/command-arguments.ts";
import { commandNamed } from "../../src/cli/commands/command-records.ts";
import { requireProgram } from "../system-programs.ts";
import {
  Copies,
  type Checked,
  resolve,
  ROOT,
  run,
  unitSetting,
  unitSettings,
} from "./deploy-files.ts";

const PORTICO = "/usr/local/bin/portico";
const UNITS = ["portico.service", "portico.socket"];
/** Of 100; what talks to a network and runs programs gets to 10 at best. */
const EXPOSURE_MAX = 15;
const SECOND_MS = 1_000;

const systemdAnalyze = requireProgram("systemd-analyze");

/** The units as they are, but for where Portico is on this machine. */
function copyUnits(): Copies {
  const copies = new Copies(...UNITS);
  // In a unit, a space in a path would part it.
  const own = join(ROOT, "bin/portico").replaceAll(" ", "\\x20");
  copies.edit("portico.service", `ExecStart=${PORTICO}`, `ExecStart=${own}`);
  copies.edit("portico.service", `ExecReload=${PORTICO}`, `ExecReload=${own}`);
  return copies;
}

function verify(program: string, copies: Copies): Checked {
  return run(program, ["verify", "--man=no", ...UNITS.map((unit) => copies.path(unit))]);
}

if (systemdAnalyze !== null) {
  test("systemd understands the units", () => {
    using copies = copyUnits();
    assert.deepEqual(verify(systemdAnalyze, copies), { status: 0, output: "" });
  });

  test("systemd would complain of a key, a value and a program that are wrong", () => {
    const mistakes: readonly (readonly [unit: string, from: string, to: string])[] = [
      ["portico.service", "KillMode=mixed", "KilMode=mixed"],
      ["portico.service", "TimeoutStopSec=45", "TimeoutStopSec=45 minuets"],
      ["portico.service", "/bin/portico reload", "/bin/no-portico reload"],
      ["portico.socket", "Backlog=2048", "Backlogg=2048"],
    ];
    for (const [unit, from, to] of mistakes) {
      using copies = copyUnits();
      copies.edit(unit, from, to);
      const { output } = verify(systemdAnalyze, copies);
      assert.notEqual(output, "", `${to} is found`);
    }
  });

  test(`systemd rates the service's exposure at ${EXPOSURE_MAX / 10} or below`, () => {
    using copies = copyUnits();
    const rate = (): Checked =>
      run(systemdAnalyze, [
        "security",
        "--offline=true",
        `--threshold=${EXPOSURE_MAX}`,
        "--no-pager",
        copies.path("portico.service"),
      ]);
    const { status, output } = rate();
    assert.equal(status, 0, output);
    copies.edit("portico.service", "ProtectSystem=strict\n", "");
    copies.edit("portico.service", "CapabilityBoundingSet=\n", "");
    assert.notEqual(rate().status, 0, "an open service is not");
  });
}

test("Portico understands the command lines", () => {
  const [program, ...argv] = unitSetting("portico.service", "ExecStart").split(" ");
  assert.equal(program, PORTICO);
  const { options, reference, sources } = resolve(argv, {});
  assert.equal(reference, "shop:app");
  assert.equal(sources.bind.kind, "default", "so that the socket unit's sockets are used");
  const stopMs = Number(unitSetting("portico.service", "TimeoutStopSec")) * SECOND_MS;
  assert.ok(stopMs > (options.drainDelayMs ?? 0) + options.gracefulTimeoutMs);
  const startMs = Number(unitSetting("portico.service", "TimeoutStartSec")) * SECOND_MS;
  assert.ok(startMs > 2 * options.startTimeoutMs, "once for the import, once for the workers");

  const [reloader, ...command] = unitSetting("portico.service", "ExecReload")
    .replace("$MAINPID", "811")
    .split(" ");
  assert.equal(reloader, PORTICO);
  const record = commandNamed(commandOf(command)?.name ?? "");
  assert.equal(record?.name, "reload");
  assert.equal(parseCommandArguments(record, command).pid, 811);
});

test("the page explains each setting", () => {
  const page = readFileSync(join(ROOT, "docs/deploy.md"), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  for (const unit of UNITS) {
    for (const [setting] of unitSettings(unit)) {
      assert.ok(
        rows.some((row) => row.split(" | ")[0]?.includes(`\`${setting}=`)),
        `${setting}= of ${unit} is explained`,
      );
    }
  }
});
