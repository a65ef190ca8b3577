/**
 * Prints how many bytes of V8's heap the gateway allocates for a request that repeats the one
 * before. Run with `--expose-gc` and a young generation that is not collected meanwhile.
 */
import { GatewayPath } from "../../bench/gateway-path.ts";

const CONNECTIONS = 16;
const WARM_UP_TURNS = 2_000;
const TURNS = 1_000;

const path = new GatewayPath({
  connections: CONNECTIONS,
  request: "GET / HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n",
  answerHead: "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n",
  answerContent: "Hello, world!\n",
});
for (let turn = 0; turn < WARM_UP_TURNS; turn++) path.turn();
globalThis.gc?.();
const before = process.memoryUsage().heapUsed;
for (let turn = 0; turn < TURNS; turn++) path.turn();
const bytes = process.memoryUsage().heapUsed - before;
process.stdout.write(`${bytes / TURNS / CONNECTIONS}\n`);
