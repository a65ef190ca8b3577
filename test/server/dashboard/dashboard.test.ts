/** Where and when the live page listens: refusals, files, and an address that changes hands. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, lstatSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { OperatorError } from "../../../src/base/errors.ts";
import { NULL_LOG } from "../../../src/base/log.ts";
import { type NamedAddress, parseBindAddress } from "../../../src/net/bind-address.ts";
import { realClock } from "../../../src/os/real-clock.ts";
import { Dashboard, dashboardObjection } from "../../../src/server/dashboard/dashboard.ts";
import { PlayedObserved } from "./played-observed.ts";

const TOKEN = "0123456789abcdef";
const SHOWN_WITHIN_MS = 10_000;

let folder: string;
let opened: Dashboard[];

function addressOf(text: string): NamedAddress {
  return parseBindAddress(text) as NamedAddress;
}

function dashboardAt(text: string, isSuccessor = false): Dashboard {
  const made = new Dashboard(
    {
      address: addressOf(text),
      observed: new PlayedObserved(Date.now()),
      commands: new Map(),
      token: null,
      clock: realClock,
      isSuccessor,
    },
    NULL_LOG,
  );
  opened.push(made);
  return made;
}

async function isShown(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

async function untilOpen(dashboard: Dashboard): Promise<void> {
  const deadline = performance.now() + SHOWN_WITHIN_MS;
  while (dashboard.url === null) {
    assert.ok(performance.now() < deadline, "it does not listen");
    await pause(10);
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "portico-dashboard-"));
  opened = [];
});

afterEach(() => {
  for (const dashboard of opened) dashboard.close();
  rmSync(folder, { recursive: true });
});

describe("the live page's address", () => {
  test("is one of this machine, or needs a token", () => {
    for (const text of ["127.0.0.1:9000", "9000", "[::1]:9000", "localhost:9000", "unix:/a"]) {
      assert.equal(dashboardObjection(addressOf(text), null), null, text);
    }
    for (const text of [":9000", "0.0.0.0:9000", "[::]:9000", "192.0.2.7:9000", "shop:9000"]) {
      assert.match(dashboardObjection(addressOf(text), null) ?? "", /PORTICO_DASHBOARD_TOKEN/);
      assert.equal(dashboardObjection(addressOf(text), TOKEN), null, text);
    }
  });

  test("is listened at until it is closed", async () => {
    const dashboard = dashboardAt("127.0.0.1:0");
    assert.equal(dashboard.url, null);
    assert.equal(await dashboard.open(), null);
    const url = dashboard.url ?? "";
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
    assert.ok(await isShown(url));
    dashboard.close();
    dashboard.close();
    assert.ok(!(await isShown(url)));
  });

  test("that is taken is the operator's mistake", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    await assert.rejects(dashboardAt(`127.0.0.1:${port}`).open(), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.equal(error.exitStatus, 1);
      assert.match(error.message, /^cannot listen on 127\.0\.0\.1:\d+: .*port with --dashboard$/);
      return true;
    });
    other.close();
  });

  test("in a folder that is missing: so it is said", async () => {
    const refusal = dashboardAt(`unix:${join(folder, "missing", "page.sock")}`).open();
    await assert.rejects(
      refusal,
      /cannot listen on unix:.*: there is no folder .*missing; make it/,
    );
  });

  test("as a Unix socket is its owner's alone, and goes with it", async () => {
    const path = join(folder, "page.sock");
    const dashboard = dashboardAt(`unix:${path}`);
    const file = await dashboard.open();
    assert.equal(file?.path, path);
    assert.equal(lstatSync(path).mode & 0o777, 0o600);
    const asked = request({ socketPath: path, path: "/", headers: { Host: "localhost" } }).end();
    const [response] = (await once(asked, "response")) as [{ statusCode: number }];
    assert.equal(response.statusCode, 200);
    asked.destroy();
    dashboard.close();
    assert.ok(!existsSync(path));
  });

  test("goes to a successor when the predecessor gives it up", async () => {
    const first = dashboardAt("127.0.0.1:0");
    await first.open();
    const url = first.url ?? "";
    const second = dashboardAt(new URL(url).host, true);
    assert.equal(await second.open(), null);
    assert.equal(second.url, null, "a successor waits until it serves");
    second.takeOver();
    await pause(50);
    assert.equal(second.url, null, "the predecessor still has it");
    first.close();
    await untilOpen(second);
    assert.equal(second.url, url);
    assert.ok(await isShown(url));
  });

  test("as a Unix socket goes to a successor as well, whose file stays", async () => {
    const path = join(folder, "page.sock");
    const first = dashboardAt(`unix:${path}`);
    await first.open();
    const second = dashboardAt(`unix:${path}`, true);
    await second.open();
    second.takeOver();
    await untilOpen(second);
    first.close();
    assert.ok(existsSync(path));
    second.close();
    assert.ok(!existsSync(path));
  });

  test("is not taken over by one that is being closed", async () => {
    const first = dashboardAt("127.0.0.1:0");
    await first.open();
    const { host } = new URL(first.url ?? "");
    const second = dashboardAt(host, true);
    second.takeOver();
    second.close();
    first.close();
    await pause(100);
    assert.equal(second.url, null);
  });
});
