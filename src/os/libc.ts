/**
 * System calls as functions of numbers and bytes, bound through koffi.
 *
 * Owns how C sees our arguments; decides nothing and throws nothing. A call that fails returns a
 * negative number, and `errno()`, asked at once, says why: the calls of the hot path cost no
 * allocation. Everything is loaded at the first use, so that a machine without koffi, or without
 * these calls, is told apart instead of crashing at import.
 */
import { createRequire } from "node:module";
import os from "node:os";
import { isMainThread } from "node:worker_threads";

export type Koffi = typeof import("koffi");

/**
 * Memory that the kernel reads or writes; for all of these calls it must not be shorter than the
 * length given.
 */
export type Memory = Uint8Array | Int32Array;

export interface Libc {
  /** Of the last call that failed; any later call may overwrite it. */
  errno(): number;
  /** Address of the first byte, valid as long as `memory` is referenced. */
  addressOf(memory: Memory): bigint;
  socket(family: number, type: number, protocol: number): number;
  socketpair(family: number, type: number, protocol: number, pair: Int32Array): number;
  setsockopt(fd: number, level: number, name: number, value: Memory, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Memory, length: Int32Array): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: Uint8Array | null, length: Int32Array | null, flags: number): number;
  getsockname(fd: number, address: Uint8Array, length: Int32Array): number;
  recv(fd: number, into: Uint8Array, length: number, flags: number): number;
  send(fd: number, from: Uint8Array, length: number, flags: number): number;
  /** {@link Libc.send} for memory whose address is known already. */
  sendAt(fd: number, address: number, length: number, flags: number): number;
  sendmsg(fd: number, message: Uint8Array, flags: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  dup2(from: number, to: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: Int32Array | null): number;
  epoll_wait(epoll: number, events: Int32Array, eventsMax: number, timeoutMs: number): number;
  /** fcntl(2) with one `int` argument. */
  fcntl(fd: number, command: number, argument: number): number;
  /** ioctl(2) for a request that writes one `int`. */
  ioctl(fd: number, request: number, into: Int32Array): number;
  timerfd_create(clock: number, flags: number): number;
  timerfd_settime(fd: number, flags: number, value: Memory, before: null): number;
  getrlimit(resource: number, limits: Uint8Array): number;
  setrlimit(resource: number, limits: Uint8Array): number;
  waitpid(pid: number, status: Int32Array | null, options: number): number;
  /** prctl(2) for an operation that writes one `int`. */
  prctl(operation: number, into: Int32Array): number;
}

/** `uv_poll_t` and `uv_prepare_t`. */
export type HandleKind = "poll" | "prepare";

/**
 * What libuv exports from the `node` program, as far as living on Node's loop needs it: hosted by
 * it, or waiting in its stead.
 */
export interface Libuv {
  /** Memory in C's heap: it never moves, and nobody collects it. */
  allocateHandle(kind: HandleKind): bigint;
  free(memory: bigint): void;
  /** Makes a C function pointer of `callback`, which must not throw. */
  register(kind: HandleKind, callback: () => void): bigint;
  unregister(callback: bigint): void;
  uv_default_loop(): bigint;
  uv_backend_fd(loop: bigint): number;
  uv_backend_timeout(loop: bigint): number;
  uv_update_time(loop: bigint): void;
  uv_prepare_init(loop: bigint, handle: bigint): number;
  uv_prepare_start(handle: bigint, callback: bigint): number;
  uv_prepare_stop(handle: bigint): number;
  uv_poll_init(loop: bigint, handle: bigint, fd: number): number;
  uv_poll_start(handle: bigint, events: number, callback: bigint): number;
  uv_poll_stop(handle: bigint): number;
  uv_close(handle: bigint, callback: null): void;
  uv_ref(handle: bigint): void;
  uv_unref(handle: bigint): void;
}

export interface SystemLibraries {
  readonly libc: Libc;
  readonly libuv: Libuv;
}

/** One sentence without a full stop, for "our own sockets are not available: ...". */
export interface Unavailable {
  readonly unavailable: string;
}

/** Of `uv_handle_type`, whose order is part of libuv's binary interface. */
const HANDLE_TYPES: Readonly<Record<HandleKind, number>> = { poll: 8, prepare: 9 };

let loaded: SystemLibraries | Unavailable | null = null;

/**
 * The bindings, or why there are none. Loads at the first call; every later one gets the same
 * answer.
 */
export function systemLibraries(): SystemLibraries | Unavailable {
  loaded ??= load();
  return loaded;
}

function load(): SystemLibraries | Unavailable {
  if (process.platform !== "linux") return { unavailable: `${process.platform} has no epoll` };
  if (!isMainThread) return { unavailable: "only the main thread's event loop can be reached" };
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)("koffi") as Koffi;
  } catch (error) {
    return { unavailable: `the package koffi cannot be loaded (${firstLine(error)})` };
  }
  // The layouts of msghdr, rlimit and sockaddr in this folder are those of 64-bit little-endian
  // systems.
  if (koffi.sizeof("void *") !== 8 || os.endianness() !== "LE") {
    return { unavailable: `the layouts of C structures on ${process.arch} are not known here` };
  }
  try {
    return { libc: bindLibc(koffi), libuv: bindLibuv(koffi) };
  } catch (error) {
    return { unavailable: `a function is missing (${firstLine(error)})` };
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n", 1)[0] ?? "";
}

function bindLibc(koffi: Koffi): Libc {
  const own = koffi.load(null);
  const bind = <K extends keyof Libc>(name: K, result: string, ...parameters: string[]): Libc[K] =>
    own.func(name, result, parameters);
  const pointer = "void *";
  const fcntl = own.func("fcntl", "int", ["int", "int", "..."]);
  const ioctl = own.func("ioctl", "int", ["int", "ulong", "..."]);
  const prctl = own.func("prctl", "int", ["int", "..."]);
  return {
    errno: () => koffi.errno(),
    addressOf: (memory) => koffi.address(memory),
    socket: bind("socket", "int", "int", "int", "int"),
    socketpair: bind("socketpair", "int", "int", "int", "int", pointer),
    setsockopt: bind("setsockopt", "int", "int", "int", "int", pointer, "uint"),
    getsockopt: bind("getsockopt", "int", "int", "int", "int", pointer, pointer),
    bind: bind("bind", "int", "int", pointer, "uint"),
    connect: bind("connect", "int", "int", pointer, "uint"),
    listen: bind("listen", "int", "int", "int"),
    accept4: bind("accept4", "int", "int", pointer, pointer, "int"),
    getsockname: bind("getsockname", "int", "int", pointer, pointer),
    recv: bind("recv", "int64", "int", pointer, "size_t", "int"),
    send: bind("send", "int64", "int", pointer, "size_t", "int"),
    sendAt: own.func("send", "int64", ["int", "uint64", "size_t", "int"]),
    sendmsg: bind("sendmsg", "int64", "int", pointer, "int"),
    shutdown: bind("shutdown", "int", "int", "int"),
    close: bind("close", "int", "int"),
    dup2: bind("dup2", "int", "int", "int"),
    epoll_create1: bind("epoll_create1", "int", "int"),
    epoll_ctl: bind("epoll_ctl", "int", "int", "int", "int", pointer),
    epoll_wait: bind("epoll_wait", "int", "int", pointer, "int", "int"),
    // Declared variadic, as they are in C: some calling conventions pass variadic arguments
    // elsewhere.
    fcntl: (fd, command, argument) => fcntl(fd, command, "int", argument) as number,
    ioctl: (fd, request, into) => ioctl(fd, request, pointer, into) as number,
    timerfd_create: bind("timerfd_create", "int", "int", "int"),
    timerfd_settime: bind("timerfd_settime", "int", "int", "int", pointer, pointer),
    getrlimit: bind("getrlimit", "int", "int", pointer),
    setrlimit: bind("setrlimit", "int", "int", pointer),
    waitpid: bind("waitpid", "int", "int", pointer, "int"),
    prctl: (operation, into) => prctl(operation, pointer, into) as number,
  };
}

function bindLibuv(koffi: Koffi): Libuv {
  const own = koffi.load(null);
  const bind = <K extends keyof Libuv>(
    name: K,
    result: string,
    ...parameters: string[]
  ): Libuv[K] => own.func(name, result, parameters);
  const pointer = "void *";
  const callbackTypes: Readonly<Record<HandleKind, ReturnType<Koffi["pointer"]>>> = {
    poll: koffi.pointer(koffi.proto("void", [pointer, "int", "int"])),
    prepare: koffi.pointer(koffi.proto("void", [pointer])),
  };
  const handleSize = own.func("uv_handle_size", "size_t", ["int"]);
  return {
    allocateHandle: (kind) =>
      koffi.alloc("uint8_t", handleSize(HANDLE_TYPES[kind]) as number) as bigint,
    free: (memory) => koffi.free(memory),
    register: (kind, callback) => koffi.register(callback, callbackTypes[kind]),
    unregister: (callback) => koffi.unregister(callback),
    uv_default_loop: bind("uv_default_loop", pointer),
    uv_backend_fd: bind("uv_backend_fd", "int", pointer),
    uv_backend_timeout: bind("uv_backend_timeout", "int", pointer),
    uv_update_time: bind("uv_update_time", "void", pointer),
    uv_prepare_init: bind("uv_prepare_init", "int", pointer, pointer),
    uv_prepare_start: bind("uv_prepare_start", "int", pointer, pointer),
    uv_prepare_stop: bind("uv_prepare_stop", "int", pointer),
    uv_poll_init: bind("uv_poll_init", "int", pointer, pointer, "int"),
    uv_poll_start: bind("uv_poll_start", "int", pointer, "int", pointer),
    uv_poll_stop: bind("uv_poll_stop", "int", pointer),
    uv_close: bind("uv_close", "void", pointer, pointer),
    uv_ref: bind("uv_ref", "void", pointer),
    uv_unref: bind("uv_unref", "void", pointer),
  };
}
