/** A service manager for tests: a datagram socket, and what was said to it. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Libc } from "../../src/os/libc.ts";
import { AF_UNIX, encodeUnixName } from "../../src/os/socket-address.ts";
import { SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from "../../src/os/sockets.ts";
import { availableLibraries } from "../net/system-under-test.ts";

const NOTICE_MAX_BYTES = 4096;
const POLL_INTERVAL_MS = 10;
const WAIT_TIMEOUT_MS = 20_000;

export class NoticeReceiver implements Disposable {
  readonly notices: string[] = [];
  readonly #libc: Libc = availableLibraries().libc;
  readonly #descriptor: number;
  readonly #buffer = Buffer.alloc(NOTICE_MAX_BYTES);

  /** @param name as NOTIFY_SOCKET has it */
  constructor(name: string) {
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.#descriptor = this.#libc.socket(AF_UNIX, type, 0);
    const address = encodeUnixName(name);
    assert.ok(address !== null);
    assert.equal(this.#libc.bind(this.#descriptor, address, address.length), 0);
  }

  /** Takes what has come. @returns everything that has ever come */
  receive(): readonly string[] {
    for (;;) {
      const length = this.#libc.recv(this.#descriptor, this.#buffer, NOTICE_MAX_BYTES, 0);
      if (length < 0) return this.notices;
      this.notices.push(this.#buffer.toString("utf8", 0, length));
    }
  }

  /** Waits for a notice with this line. @returns the whole notice */
  async until(line: string | RegExp, count = 1): Promise<string> {
    const deadline = performance.now() + WAIT_TIMEOUT_MS;
    for (;;) {
      const found = this.receive().filter((notice) =>
        notice.split("\n").some((one) => (line instanceof RegExp ? line.test(one) : one === line)),
      );
      if (found.length >= count) return found[count - 1] ?? "";
      assert.ok(performance.now() < deadline, `no ${line}: ${JSON.stringify(this.notices)}`);
      await pause(POLL_INTERVAL_MS);
    }
  }

  [Symbol.dispose](): void {
    this.#libc.close(this.#descriptor);
  }
}
