/** Both transports, in a process whose descriptors clients try to use up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runNode } from "./system-under-test.ts";

for (const transport of ["epoll", "node"]) {
  test(`by ${transport}, descriptors are kept for workers, whoever holds the others`, async () => {
    const { status, stdout, stderr } = await runNode(`
      import { spawn } from "node:child_process";
      import { once } from "node:events";
      const { openTransport } = await import(SOURCE + "net/open-transport.ts");
      const { systemLibraries } = await import(SOURCE + "os/libc.ts");
      const { countDescriptors } = await import(SOURCE + "os/descriptors.ts");
      const rests = Promise.withResolvers();
      const log = { error: rests.resolve, warn() {}, info() {}, debug() {} };
      const transport = openTransport("${transport}", log);
      const listener = await transport.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, 64);
      const clients = spawn(process.execPath, ["--eval", \`
        const net = require("node:net");
        for (let index = 0; index < 50; index++) {
          net.connect(\${listener.address.port}, "127.0.0.1").on("error", () => {});
        }
      \`], { stdio: ["ignore", "inherit", "inherit"] });
      const before = countDescriptors();
      const limits = Buffer.alloc(16);
      limits.writeBigUInt64LE(BigInt(before + 25), 0);
      limits.writeBigUInt64LE(BigInt(before + 25), 8);
      const { libc } = systemLibraries();
      if (libc.setrlimit(7, limits) !== 0) throw new Error("setrlimit");
      let accepted = 0;
      listener.start(() => accepted++);
      await rests.promise;
      const link = await transport.createWorkerLink();
      console.log("linked");
      if (accepted < 10 || accepted > 21) throw new Error(accepted + " accepted");
      link.close();
      clients.kill();
      await once(clients, "exit");
      transport.close();
    `);
    assert.equal(stderr, "");
    assert.equal(status, 0);
    assert.equal(stdout, "linked\n");
  });
}
