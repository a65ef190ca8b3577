/**
 * What all streams of one reactor share: made once by whoever listens or connects.
 */
import type { SystemLibraries } from "../os/libc.ts";
import type { EpollStreamContext } from "./epoll-stream.ts";
import { Outbox } from "./outbox.ts";
import { Reactor, type ReactorKind } from "./reactor.ts";

/**
 * All streams share the buffer. The more of an answer comes at a time, the fewer wake-ups it costs:
 * 1 MiB in one frame took a tenth to a fifth less CPU time than with 64 KiB.
 */
const RECEIVE_BUFFER_BYTES = 262_144;

/**
 * @param kind `waiting` for one in a process
 * @param onFatal takes what is thrown inside the reactor, where it cannot be thrown further
 * @throws {SystemCallError} EMFILE, ENFILE, ENOMEM
 */
export function epollStreamContext(
  libraries: SystemLibraries,
  kind: ReactorKind,
  onFatal: (error: unknown) => void,
): EpollStreamContext {
  const { libc } = libraries;
  const reactor = new Reactor(libraries, kind, onFatal);
  return {
    libc,
    reactor,
    outbox: new Outbox(
      (task) => reactor.atTurnEnd(task),
      (memory) => libc.addressOf(memory),
    ),
    receiveBuffer: Buffer.allocUnsafeSlow(RECEIVE_BUFFER_BYTES),
    streams: new Set(),
  };
}
