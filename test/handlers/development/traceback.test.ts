import assert from "node:assert/strict";
import { test } from "node:test";

import {
  finalError,
  finalFrame,
  isOwnFile,
  parseTraceback,
} from "../../../src/handlers/development/traceback.ts";

const CHAINED = `Traceback (most recent call last):
  File "/site/app.py", line 3, in <module>
    import settings
  File "/site/settings.py", line 7, in <module>
    VALUE = int(
            ^^^^
ValueError: invalid literal
    for int() with base 10: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/site/app.py", line 5, in <module>
    raise RuntimeError("no settings")
  File "/site/.venv/lib/python3.11/site-packages/flask/app.py", line 9, in run
    ...
  [Previous line repeated 2 more times]
RuntimeError: no settings
`;

test("frames, their code, the exceptions and how one led to the other", () => {
  assert.deepEqual(parseTraceback(CHAINED), [
    {
      kind: "frame",
      file: "/site/app.py",
      line: 3,
      name: "<module>",
      code: ["import settings"],
    },
    {
      kind: "frame",
      file: "/site/settings.py",
      line: 7,
      name: "<module>",
      code: ["VALUE = int(", "        ^^^^"],
    },
    { kind: "error", text: "ValueError: invalid literal\n    for int() with base 10: 'x'" },
    {
      kind: "remark",
      text: "During handling of the above exception, another exception occurred:",
    },
    {
      kind: "frame",
      file: "/site/app.py",
      line: 5,
      name: "<module>",
      code: ['raise RuntimeError("no settings")'],
    },
    {
      kind: "frame",
      file: "/site/.venv/lib/python3.11/site-packages/flask/app.py",
      line: 9,
      name: "run",
      code: ["..."],
    },
    { kind: "remark", text: "[Previous line repeated 2 more times]" },
    { kind: "error", text: "RuntimeError: no settings" },
  ]);
});

test("the final exception, and the last own frame that led to it", () => {
  const parts = parseTraceback(CHAINED);
  assert.equal(finalError(parts), "RuntimeError: no settings");
  assert.deepEqual(finalFrame(parts)?.line, 5);
});

test("a file that cannot be compiled is a frame without a name", () => {
  const parts = parseTraceback(
    `  File "/site/a "b".py", line 2\n    def f(\n         ^\nSyntaxError: '(' was never closed\n`,
  );
  assert.deepEqual(parts, [
    {
      kind: "frame",
      file: '/site/a "b".py',
      line: 2,
      name: null,
      code: ["def f(", "     ^"],
    },
    { kind: "error", text: "SyntaxError: '(' was never closed" },
  ]);
});

test("where no frame is the application's own, the innermost one is shown", () => {
  const parts = parseTraceback(
    `Traceback (most recent call last):
  File "/usr/lib/python3.12/json/decoder.py", line 1, in a
  File "<string>", line 2, in b
ValueError: x`,
  );
  assert.equal(finalFrame(parts)?.file, "<string>");
});

test("what is no traceback is kept as text", () => {
  const group = "  + Exception Group Traceback (most recent call last):\n  | ValueError: 1\n  +---";
  assert.deepEqual(parseTraceback(group), [{ kind: "error", text: group.trim() }]);
  assert.deepEqual(parseTraceback(""), []);
  assert.equal(finalError([]), null);
  assert.equal(finalFrame([]), null);
});

for (const [file, own] of [
  ["/site/app.py", true],
  ["/site/library/app.py", true],
  ["/opt/versions/3.13.0/lib/python3.13/json/__init__.py", false],
  ["/site/.venv/lib/python3.11/site-packages/flask/app.py", false],
  ["/usr/lib/python3/dist-packages/x.py", false],
  ["<frozen importlib._bootstrap>", false],
] as const) {
  test(`${file} is ${own ? "" : "not "}the application's own`, () => {
    assert.equal(isOwnFile(file), own);
  });
}
