import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { helpText, manualText } from "../../src/options/help.ts";
import { environmentName } from "../../src/options/option-spec.ts";
import { OPTION_KEYS, optionSpec } from "../../src/options/registry.ts";

test("--help names every option once, with its default, in 100 columns", () => {
  const text = helpText("0.1.0");
  for (const { flag } of OPTION_KEYS.map(optionSpec)) {
    assert.equal(text.match(new RegExp(`^ .*${flag}(?= |\\[=|$)`, "gm"))?.length, 1, flag);
  }
  assert.match(text, /-w, --workers COUNT\|MIN\.\.MAX +worker processes \[auto\]/);
  assert.match(text, /--limit-request-head SIZE .*\[64KiB\]/);
  assert.ok(text.startsWith("Portico 0.1.0\n"));
  assert.ok(text.endsWith(".\n"));
  for (const line of text.split("\n")) assert.ok(line.length <= 100 && !line.endsWith(" "), line);
});

test("the manual has a section for each option, with its variable", () => {
  const text = manualText();
  for (const spec of OPTION_KEYS.map(optionSpec)) {
    assert.ok(text.includes(`### \`${spec.flag}\``), spec.flag);
    const isSet = text.includes(`\`${environmentName(spec)}\``);
    assert.equal(isSet, spec.commandLineOnly !== true, spec.flag);
  }
});

test("docs/options.md is the manual as the registry gives it", () => {
  const page = join(import.meta.dirname, "../../docs/options.md");
  assert.equal(readFileSync(page, "utf8"), manualText());
});

test("each limit on what a client may take says which attack it stands against", () => {
  const clientLimits =
    /^--(?:limit-|connections-|write-|body-|(?:header|total)-timeout|keep-alive|response-buffer)/;
  const specs = OPTION_KEYS.map(optionSpec).filter(({ flag }) => clientLimits.test(flag));
  assert.ok(specs.length >= 20);
  const attack = /slowloris|attack|flood|exhaustion|CVE-\d|ReDoS|denial of service/i;
  const without = specs.filter(({ help }) => !attack.test(help)).map(({ flag }) => flag);
  assert.deepEqual(without, []);
});
