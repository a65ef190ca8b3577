import assert from "node:assert/strict";
import { test } from "node:test";
import { OperatorError } from "../../src/base/errors.ts";
import { refuseSharedAddresses } from "../../src/cli/asked-addresses.ts";
import { parseBindAddress } from "../../src/net/bind-address.ts";
import { resolveOptions } from "../../src/options/resolve.ts";

function refuse(...argv: string[]): void {
  const { options } = resolveOptions({ argv: [...argv, "a:b"], env: {}, readFile: () => "" });
  const bind = options.bind.map((text) => parseBindAddress(text));
  refuseSharedAddresses(options, bind);
}

test("two options that want one address are both named, in one line", () => {
  const cases: readonly (readonly [argv: string[], line: string])[] = [
    [
      ["--metrics", "localhost:8000"],
      "--metrics localhost:8000: --bind 127.0.0.1:8000 has that address already; " +
        "choose another address, or a path of the site, such as --metrics /metrics",
    ],
    [
      ["--bind", ":80", "--bind", "unix:/run/x", "--dashboard", "unix:/run/x"],
      "--dashboard unix:/run/x: --bind unix:/run/x has that address already; " +
        "choose another address",
    ],
    [
      ["--metrics", "[::]:9", "--dashboard", "127.0.0.1:9"],
      "--dashboard 127.0.0.1:9: --metrics [::]:9 has that address already; choose another address",
    ],
    [
      ["--bind", "8000", "--bind", "127.0.0.1:8000"],
      "--bind 127.0.0.1:8000: it is given twice; leave one of the two out",
    ],
  ];
  for (const [argv, line] of cases) {
    assert.throws(() => refuse(...argv), new OperatorError(2, line));
  }
});

test("those that have one each are not refused, nor where the kernel chooses", () => {
  for (const argv of [
    [],
    ["--metrics", "/metrics", "--dashboard", "127.0.0.1:9000"],
    ["--bind", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--dashboard", "127.0.0.1:0"],
    // All of IPv4, and all of IPv6.
    ["--bind", ":80", "--bind", "[::]:80", "--metrics", ":81"],
    ["--bind", "fd://3", "--bind", "fd://4", "--metrics", ":81"],
  ]) {
    refuse(...argv);
  }
});
