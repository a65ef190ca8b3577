/**
 * Processes and links to workers, over both transports, with a Python child that does by hand what
 * the zygote and a worker do: takes an offer from descriptor 3, opens the channel, and reads a file
 * that it is passed.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { NULL_LOG } from "../../src/base/log.ts";
import { openTransport } from "../../src/net/open-transport.ts";
import type { Transport, WorkerLink } from "../../src/net/transport.ts";
import { closeOf, RecordingHandler, soon } from "./recording-handler.ts";

/**
 * For each offer: says hello on the channel, reads a file there is, sends its content back, waits
 * for the end.
 */
const CHILD = `
import json, os, socket
control = socket.socket(fileno=3)
pending = b""
fds = []
while True:
    data, ancillary, _, _ = control.recvmsg(65536, socket.CMSG_SPACE(64))
    if not data:
        break
    for level, kind, value in ancillary:
        fds += [int.from_bytes(value[i:i + 4], "little") for i in range(0, len(value), 4)]
    pending += data
    while b"\\n" in pending:
        line, pending = pending.split(b"\\n", 1)
        link = json.loads(line)["link"]
        if link["kind"] == "descriptors":
            channel, files = socket.socket(fileno=fds.pop(0)), socket.socket(fileno=fds.pop(0))
        else:
            channel, files = socket.socket(socket.AF_UNIX), None
            channel.connect(link["path"])
            channel.sendall(link["token"].encode())
        channel.sendall(b"hello ")
        request = channel.recv(65536)
        if files is None:
            body = open(request, "rb").read()
        else:
            mark, ancillary, _, _ = files.recvmsg(1, socket.CMSG_SPACE(4))
            fd = int.from_bytes(ancillary[0][2], "little")
            body = os.pread(fd, 100, 0)
        channel.sendall(body)
        channel.shutdown(socket.SHUT_WR)
        while channel.recv(65536):
            pass
        control.sendall(b"done\\n")
`;

export function workerLinkSuite(name: "epoll" | "node"): void {
  describe(`processes and links over ${name}`, () => {
    let transport: Transport;
    let folder: string;

    beforeEach(() => {
      transport = openTransport(name, NULL_LOG);
      folder = mkdtempSync(path.join(os.tmpdir(), "portico-test-"));
    });

    afterEach(() => {
      transport.close();
      rmSync(folder, { recursive: true, force: true });
    });

    function spawnPython(program: string): ReturnType<Transport["spawn"]> {
      return transport.spawn("python3", ["-c", program], { cwd: folder, env: process.env });
    }

    function handlerOf(link: WorkerLink): Promise<RecordingHandler> {
      const made = new Promise<RecordingHandler>((resolve) =>
        link.onStream((stream) => resolve(new RecordingHandler(stream))),
      );
      return soon(made, "the worker's stream");
    }

    it("gives a child a stream as its descriptor 3, and sees its end", async () => {
      const { child, control } = spawnPython(
        "import os; os.write(3, os.read(3, 100).upper()); os._exit(7)",
      );
      const exited = once(child, "exit");
      const handler = new RecordingHandler(control);
      control.write(Buffer.from("echo"), 0, 4);
      await handler.untilCalled("end");
      assert.equal(handler.text, "ECHO");
      assert.deepEqual(await soon(exited, "the exit"), [7, null]);
      control.close();
      await handler.untilCalled("close");
    });

    it("tells a child by end of file that we are gone", async () => {
      const { child, control } = spawnPython("import os; os._exit(len(os.read(3, 100)) + 5)");
      control.close();
      assert.deepEqual(await soon(once(child, "exit"), "the exit"), [5, null]);
    });

    it("survives a program that cannot be started", async () => {
      const missing = path.join(folder, "no-such-program");
      const { child, control } = transport.spawn(missing, [], { cwd: folder, env: {} });
      const failed = once(child, "error") as Promise<[NodeJS.ErrnoException]>;
      const handler = new RecordingHandler(control);
      const [error] = await soon(failed, "the error");
      assert.equal(error.code, "ENOENT");
      control.close();
      await handler.untilCalled("close");
    });

    it("links two workers through their parent, and passes a file to each", async () => {
      const { child, control } = spawnPython(CHILD);
      const parent = new RecordingHandler(control);
      for (const content of ["first content", "second content"]) {
        const link = await transport.createWorkerLink();
        assert.equal(transport.namedFileFolder !== null, transport.name === "node");
        const connected = handlerOf(link);
        const message = { type: "fork", worker: 1, link: link.offer };
        link.sendOffer(control, Buffer.from(`${JSON.stringify(message)}\n`));
        const worker = await connected;
        await worker.untilText("hello ");
        const file = path.join(folder, "body");
        writeFileSync(file, content);
        const descriptor = openSync(file, "r");
        const named = link.passFile({ descriptor, path: file });
        closeSync(descriptor);
        const request = Buffer.from(named ?? "no name");
        assert.equal(named === null, transport.namedFileFolder === null);
        worker.stream.write(request, 0, request.length);
        await worker.untilCalled("end");
        assert.equal(worker.text, `hello ${content}`);
        worker.stream.end();
        await worker.untilCalled("close");
        link.close();
      }
      await parent.until(() => parent.text === "done\ndone\n", "two workers done");
      const exited = once(child, "exit");
      control.close();
      assert.deepEqual(await soon(exited, "the exit"), [0, null]);
    });

    it("closes what nobody has taken", async () => {
      const link = await transport.createWorkerLink();
      link.close();
      link.close();
    });

    if (name === "node") {
      it("lets only a token in, once, and removes the folder when it closes", async () => {
        const link = await transport.createWorkerLink();
        const { offer } = link;
        assert.ok(offer.kind === "path");
        assert.match(offer.token, /^[0-9a-f]{64}$/);
        const stranger = net.connect(offer.path);
        stranger.on("error", () => {});
        stranger.write("0".repeat(64));
        await soon(closeOf(stranger), "the stranger's dismissal");
        const worker = net.connect(offer.path);
        worker.write(offer.token.slice(0, 30));
        await soon(once(worker, "connect"), "connect");
        worker.write(`${offer.token.slice(30)}and more`);
        const handler = await handlerOf(link);
        await handler.untilText("and more");
        const again = net.connect(offer.path);
        again.on("error", () => {});
        again.write(offer.token);
        await soon(closeOf(again), "the second one's dismissal");
        const folderOfLinks = path.dirname(offer.path);
        assert.ok(existsSync(folderOfLinks));
        transport.close();
        assert.ok(!existsSync(folderOfLinks));
      });
    }
  });
}
