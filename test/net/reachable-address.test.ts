import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { describe, it } from "node:test";
import { SystemCallError } from "../../src/base/errors.ts";
import type { Connector } from "../../src/net/connector.ts";
import { NodeConnector } from "../../src/net/node-connector.ts";
import { reachableAddress } from "../../src/net/reachable-address.ts";

const TIMEOUT_MS = 10_000;

/** Numeric addresses are not looked at. */
const NO_CONNECTOR: Connector = {
  name: "node",
  connect: () => assert.fail("nobody is asked"),
  alarm: () => assert.fail("nobody is asked"),
  close: () => {},
};

describe("the address of a host", () => {
  it("is itself where it is numeric", async () => {
    const v4 = await reachableAddress(NO_CONNECTOR, "192.0.2.1", 80, TIMEOUT_MS);
    assert.deepEqual(v4, { family: "inet", host: "192.0.2.1", port: 80 });
    const v6 = await reachableAddress(NO_CONNECTOR, "2001:db8::1", 80, TIMEOUT_MS);
    assert.deepEqual(v6, { family: "inet6", host: "2001:db8::1", port: 80 });
  });

  it("is one at which somebody listens", async () => {
    // localhost mostly has two addresses, of which only this one is served.
    const server = net.createServer((socket) => socket.on("error", () => {}));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    const connector = new NodeConnector();
    try {
      const address = await reachableAddress(connector, "localhost", port, TIMEOUT_MS);
      assert.deepEqual(address, { family: "inet", host: "127.0.0.1", port });
    } finally {
      connector.close();
      server.close();
    }
  });

  it("is missing where the name has none", async () => {
    await assert.rejects(
      reachableAddress(NO_CONNECTOR, "name.invalid", 80, TIMEOUT_MS),
      (error) => error instanceof SystemCallError && error.systemCall === "getaddrinfo",
    );
  });
});
