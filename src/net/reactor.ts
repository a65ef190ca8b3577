/**
 * The event loop of our own sockets: one epoll set, beside Node's loop in the same thread. Timers,
 * promises and everything else of Node's go on.
 *
 * In one of two ways. A reactor that is alone in its process waits in place of Node's loop, for its
 * own descriptors and for the one that says when Node has something to do: an event costs one
 * system call, and wakes it directly. Others are hosted: their epoll descriptor is itself pollable,
 * and libuv watches it. In both, a turn takes events, hands each to whoever registered, and runs
 * the tasks of its end.
 *
 * A registration is addressed by slot and generation: an event for a descriptor that an earlier
 * event of the same batch closed, and that is perhaps in use again already, finds nothing.
 */
import { SlotTable } from "../base/slot-table.ts";
import { Epoll, EPOLLIN } from "../os/epoll.ts";
import type { Libuv, SystemLibraries } from "../os/libc.ts";
import { LoopPoll } from "../os/loop-poll.ts";
import { LoopWait } from "../os/loop-wait.ts";
import { TurnEndTasks } from "./turn-end-tasks.ts";

/** Who is told of a descriptor's events. */
export interface Registrant {
  /** @param events bits of epoll(7): EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
  onEvents(events: number): void;
}

/** A descriptor that is being watched. */
export interface Registration {
  readonly fd: number;
  readonly slot: number;
  readonly generation: number;
}

/** How it lives beside Node's loop: in its place while that would wait, or hosted by it. */
export type ReactorKind = "waiting" | "hosted";

/** How many batches one turn handles before timers and promises get their chance. */
const BATCHES_PER_TURN_MAX = 16;
/**
 * A batch at least this large is followed by another look: under load more has become ready
 * meanwhile, and requests that go to a worker together cost less. A smaller one would mostly find
 * nothing.
 */
const BATCH_WORTH_ANOTHER_LOOK = 4;
/** After so many events what they led to leaves, whatever else is ready. */
const GATHERED_EVENTS_MAX = 128;

export class Reactor {
  readonly #epoll: Epoll;
  readonly #host: LoopPoll | LoopWait;
  readonly #registrants = new SlotTable<Registrant>();
  #isNodeReady = false;
  readonly #tasks = new TurnEndTasks();
  readonly #onFatal: (error: unknown) => void;
  #inTurn = false;
  #immediateArmed = false;
  #closed = false;

  /**
   * @param kind `waiting` for one in a process
   * @param onFatal takes what a registrant or a task throws: a mistake of ours, never a peer's
   * @throws {SystemCallError} EMFILE, ENFILE, ENOMEM
   */
  constructor(
    { libc, libuv }: SystemLibraries,
    kind: ReactorKind,
    onFatal: (error: unknown) => void,
  ) {
    this.#onFatal = onFatal;
    this.#epoll = new Epoll(libc);
    try {
      if (kind === "hosted") this.#host = new LoopPoll(libuv, this.#epoll.descriptor, this.#turn);
      else this.#host = this.#openWait(libuv);
    } catch (error) {
      this.#epoll.close();
      throw error;
    }
    this.#host.unref();
  }

  /**
   * Watches a descriptor. As long as any is watched, the process stays alive.
   *
   * @throws {SystemCallError} ENOSPC, ENOMEM; nothing is registered then
   */
  add(fd: number, events: number, registrant: Registrant): Registration {
    const wasWatching = this.#isWatching;
    const registration = this.#register(fd, events, registrant);
    if (!wasWatching) this.#host.ref();
    return registration;
  }

  modify(registration: Registration, events: number): void {
    this.#epoll.modify(registration.fd, events, registration.slot, registration.generation);
  }

  /** Stops watching for a while: not even EPOLLHUP is reported. The registration stays. */
  park(registration: Registration): void {
    this.#epoll.remove(registration.fd);
  }

  unpark(registration: Registration, events: number): void {
    this.#epoll.add(registration.fd, events, registration.slot, registration.generation);
  }

  /** Forgets a descriptor; call it before closing that. Events already taken for it are void. */
  remove(registration: Registration, parked: boolean): void {
    // A descriptor that a child still holds would go on reporting if it were only closed.
    if (!parked) this.#epoll.remove(registration.fd);
    this.#registrants.release(registration.slot, registration.generation);
    if (!this.#isWatching) this.#host.unref();
  }

  /** Runs `task` at the end of the present turn, or soon when there is none. */
  atTurnEnd(task: () => void): void {
    this.#tasks.add(task);
    if (!this.#inTurn) this.#armImmediate();
  }

  /**
   * Stops the loop. The registrants close their own descriptors first; tasks that wait are still
   * run.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.close();
    this.#epoll.close();
  }

  /** Called by libuv, with C code below: nothing may be thrown out of it. */
  readonly #turn = (): void => {
    this.#inTurn = true;
    try {
      this.#serve(this.#epoll.poll(0));
    } catch (error) {
      this.#onFatal(error);
    }
    this.#inTurn = false;
    // Promise jobs and next ticks run when Node's own code calls JavaScript and returns, and this
    // callback is not Node's. The immediate, in the very next phase of the same iteration, is.
    this.#armImmediate();
  };

  /** Called by libuv before it would wait: waits and serves until Node has something to do. */
  readonly #wait = (): void => {
    const loop = this.#host as LoopWait;
    this.#inTurn = true;
    this.#isNodeReady = false;
    try {
      let timeoutMs = loop.timeoutMs();
      do {
        const count = this.#epoll.poll(timeoutMs);
        if (timeoutMs !== 0) loop.updateTime();
        this.#serve(count);
        timeoutMs = this.#nextWaitMs(loop);
      } while (timeoutMs !== 0);
    } catch (error) {
      this.#onFatal(error);
    }
    this.#inTurn = false;
    // With an immediate, Node only looks and does not wait: its descriptor does not know ours.
    this.#armImmediate();
  };

  /** @returns 0 where Node's loop has to go on */
  #nextWaitMs(loop: LoopWait): number {
    if (this.#isNodeReady || !loop.runTicks()) return 0;
    this.#tasks.run(this.#onFatal);
    return this.#closed || !this.#isWatching ? 0 : loop.timeoutMs();
  }

  /** @param first how many events there are; others may follow */
  #serve(first: number): void {
    let count = first;
    let gathered = 0;
    for (let batch = 1; ; batch++) {
      this.#dispatch(count);
      gathered += count;
      if (gathered >= GATHERED_EVENTS_MAX) {
        this.#tasks.run(this.#onFatal);
        gathered = 0;
      }
      const isLast = count < BATCH_WORTH_ANOTHER_LOOK || batch === BATCHES_PER_TURN_MAX;
      if (isLast || this.#closed) break;
      count = this.#epoll.poll(0);
    }
    this.#tasks.run(this.#onFatal);
  }

  /** Has Node's descriptor watched as well. */
  #openWait(libuv: Libuv): LoopWait {
    const loop = new LoopWait(libuv, this.#wait);
    try {
      this.#register(loop.descriptor, EPOLLIN, { onEvents: () => (this.#isNodeReady = true) });
    } catch (error) {
      loop.close();
      throw error;
    }
    return loop;
  }

  /** Whether any descriptor is watched, beside Node's own. */
  get #isWatching(): boolean {
    return this.#registrants.size > (this.#host instanceof LoopWait ? 1 : 0);
  }

  #register(fd: number, events: number, registrant: Registrant): Registration {
    const slot = this.#registrants.add(registrant);
    const generation = this.#registrants.generation(slot);
    try {
      this.#epoll.add(fd, events, slot, generation);
    } catch (error) {
      this.#registrants.release(slot, generation);
      throw error;
    }
    return { fd, slot, generation };
  }

  #dispatch(count: number): void {
    const epoll = this.#epoll;
    const registrants = this.#registrants;
    for (let index = 0; index < count; index++) {
      const registrant = registrants.get(epoll.slotAt(index), epoll.generationAt(index));
      if (registrant === null) continue;
      try {
        registrant.onEvents(epoll.eventsAt(index));
      } catch (error) {
        this.#onFatal(error);
      }
    }
  }

  #armImmediate(): void {
    if (this.#immediateArmed) return;
    this.#immediateArmed = true;
    setImmediate(this.#afterTurn);
  }

  readonly #afterTurn = (): void => {
    this.#immediateArmed = false;
    if (this.#tasks.empty) return;
    this.#inTurn = true;
    this.#tasks.run(this.#onFatal);
    this.#inTurn = false;
    if (!this.#tasks.empty) this.#armImmediate();
  };
}
