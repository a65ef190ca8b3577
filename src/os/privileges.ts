/**
 * Becoming another user for good: who that is, and the way there, with the proof that there is none
 * back.
 *
 * Names are looked up by the C library, so that every source of users counts (nsswitch.conf(5)).
 * Node offers that in one way only: to become the user, for a moment and by effective identity
 * alone, and to look around.
 */
import { fchownSync, fstatSync, lchownSync, lstatSync } from "node:fs";
import os from "node:os";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";

const STANDARD_ERROR = 2;

/** Whom to become. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Whose supplementary groups to have; null for none. */
  readonly userName: string | null;
}

interface FoundUser {
  readonly uid: number;
  /** Both null where the user database has no such user, and only the number was given. */
  readonly gid: number | null;
  readonly name: string | null;
}

/** Of Node's `process`, where the system has users; its types leave the last one out. */
interface Calls
  extends
    Required<Pick<NodeJS.Process, "getuid" | "geteuid" | "seteuid" | "setuid">>,
    Required<Pick<NodeJS.Process, "getgid" | "getegid" | "setegid" | "setgid" | "setgroups">> {
  initgroups(user: string, extraGroup: number): void;
}

/**
 * Who `--user` and `--group` are.
 *
 * @param user  name or number; null: remain
 * @param group name or number; null: the user's own
 * @returns null where there is nothing to change
 * @throws {OperatorError} exit status 2: there is no such user or group, or only root could become
 *   it
 */
export function resolveIdentity(user: string | null, group: string | null): Identity | null {
  if (user === null && group === null) return null;
  const calls = callsFor(user === null ? "--group" : "--user");
  const isRoot = calls.geteuid() === 0;
  const found = user === null ? null : findUser(calls, user);
  const gid = group === null ? (found?.gid ?? null) : findGroup(calls, group);
  if (!isRoot) return null;
  if (gid === null) {
    throw refused("--user", String(user), "the user database has no such number: give --group too");
  }
  return { uid: found?.uid ?? 0, gid, userName: found?.name ?? null };
}

/**
 * Becomes that user and group, in all threads.
 *
 * @throws {OperatorError} exit status 1: a way back is left, or the system refuses
 */
export function becomeIdentity({ uid, gid, userName }: Identity): void {
  const calls = callsFor("--user");
  try {
    if (userName === null) calls.setgroups([gid]);
    else calls.initgroups(userName, gid);
    calls.setgid(gid);
    calls.setuid(uid);
  } catch (error) {
    throw new OperatorError(
      EXIT_STATUS.failure,
      `cannot become user ${uid}, group ${gid}: ${(error as Error).message}`,
    );
  }
  const back = wayBack(calls, uid, gid);
  if (back === null) return;
  throw new OperatorError(
    EXIT_STATUS.failure,
    `became user ${uid}, group ${gid}, but ${back}; not serving with such privileges`,
  );
}

/** A Unix socket's file then is the user's that this process becomes. */
export function giveSocketFile(path: string, { uid, gid }: Identity): void {
  if (lstatSync(path).isSocket()) lchownSync(path, uid, gid);
}

/** So is the file that standard error goes to, so that it can be opened again; not a terminal. */
export function giveStandardError({ uid, gid }: Identity): void {
  if (fstatSync(STANDARD_ERROR).isFile()) fchownSync(STANDARD_ERROR, uid, gid);
}

/** What is left of the identity before, in words; null for nothing. */
function wayBack(calls: Calls, uid: number, gid: number): string | null {
  const now = [calls.getuid(), calls.geteuid(), calls.getgid(), calls.getegid()];
  if (String(now) !== String([uid, uid, gid, gid])) return `is ${now.join(", ")}`;
  if (uid === 0) return null;
  if (succeeds(() => calls.setuid(0)) || succeeds(() => calls.seteuid(0))) {
    return "could become root again";
  }
  if (gid !== 0 && succeeds(() => calls.setegid(0))) return "could become root's group again";
  return null;
}

function succeeds(call: () => void): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

function findUser(calls: Calls, user: string): FoundUser {
  const before = calls.geteuid();
  become("--user", user, (id) => calls.seteuid(id));
  const uid = calls.geteuid();
  try {
    if (before !== 0 && uid !== before) throw onlyRoot("--user", user);
    const { gid, username } = os.userInfo();
    return { uid, gid, name: username };
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    return { uid, gid: null, name: null };
  } finally {
    calls.seteuid(before);
  }
}

function findGroup(calls: Calls, group: string): number {
  const before = calls.getegid();
  become("--group", group, (id) => calls.setegid(id));
  const gid = calls.getegid();
  calls.setegid(before);
  if (calls.geteuid() !== 0 && gid !== before) throw onlyRoot("--group", group);
  return gid;
}

/** One that is not root may become what it is, and nothing else. */
function become(flag: string, name: string, call: (id: number | string) => void): void {
  try {
    call(/^\d+$/.test(name) ? Number(name) : name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EPERM") throw onlyRoot(flag, name);
    throw refused(flag, name, "there is no such name here; the number does as well");
  }
}

function onlyRoot(flag: string, name: string): OperatorError {
  return refused(flag, name, "only root can become another; start as root, or leave it out");
}

function refused(flag: string, name: string, why: string): OperatorError {
  return new OperatorError(EXIT_STATUS.usage, `${flag} ${name}: ${why}`);
}

function callsFor(flag: string): Calls {
  if (process.setuid === undefined) {
    throw new OperatorError(EXIT_STATUS.usage, `${flag}: this system has no such thing`);
  }
  return process as unknown as Calls;
}
