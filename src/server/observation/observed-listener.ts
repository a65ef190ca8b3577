/**
 * A listening socket as it is now, with the connections that wait in the kernel.
 */
import type { Listener } from "../../net/transport.ts";
import { acceptQueue } from "../../os/tcp-info.ts";
import { listeningUrl } from "../listening-url.ts";
import type { ListenerSnapshot } from "./snapshot.ts";

/** @param backlog what was asked for with `listen` */
export function observeListener(
  { address, descriptor, effectiveBacklog }: Listener,
  backlog: number,
): ListenerSnapshot {
  const queue = descriptor === null ? null : acceptQueue(descriptor);
  return {
    address: listeningUrl(address),
    descriptor,
    backlog,
    effectiveBacklog: queue?.queuedMax ?? effectiveBacklog,
    queued: queue?.queued ?? null,
  };
}
