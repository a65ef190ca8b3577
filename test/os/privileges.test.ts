import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OperatorError } from "../../src/base/errors.ts";
import { resolveIdentity } from "../../src/os/privileges.ts";
import { runNode } from "../net/system-under-test.ts";

const isRoot = process.getuid?.() === 0;

function refusal(user: string | null, group: string | null): string {
  try {
    resolveIdentity(user, group);
  } catch (error) {
    assert.ok(error instanceof OperatorError, String(error));
    assert.equal(error.exitStatus, 2);
    return error.message;
  }
  return assert.fail(`${user} and ${group} were not refused`);
}

const PROGRAM = `
  const { becomeIdentity, resolveIdentity } = await import(SOURCE + "os/privileges.ts");
  const asked = JSON.parse(process.env.ASKED);
`;

async function become(asked: readonly (string | null)[], then = ""): Promise<unknown> {
  const end = await runNode(`
    process.env.ASKED = ${JSON.stringify(JSON.stringify(asked))};
    ${PROGRAM}
    const identity = resolveIdentity(...asked);
    if (identity !== null) becomeIdentity(identity);
    ${then}
    const { getuid, geteuid, getgid, getegid, getgroups } = process;
    console.log(JSON.stringify([getuid(), geteuid(), getgid(), getegid(), getgroups()]));
  `);
  assert.equal(end.status, 0, end.stderr);
  return JSON.parse(end.stdout);
}

describe("who one is to become", () => {
  it("is nobody where nothing is asked for", () => {
    assert.equal(resolveIdentity(null, null), null);
  });

  it("has to be there", () => {
    assert.match(refusal("no-such-user", null), /--user no-such-user/);
    assert.match(refusal(null, "no-such-group"), /--group no-such-group/);
  });

  it("is only for root to choose; to remain is for everybody", async () => {
    if (isRoot) {
      assert.match(refusal("123456789", null), /give --group too/);
      assert.deepEqual(resolveIdentity("root", null), { uid: 0, gid: 0, userName: "root" });
      assert.deepEqual(resolveIdentity("12345", "54321"), {
        uid: 12345,
        gid: 54321,
        userName: null,
      });
      assert.equal(process.geteuid?.(), 0);
      assert.equal(process.getegid?.(), 0);
      const facts = await become(["12345", "54321"]);
      assert.deepEqual(facts, [12345, 12345, 54321, 54321, [54321]]);
      // Once it is somebody else, it may ask for that one, and for nobody else.
      const again = `
        for (const same of [["12345", null], ["12345", "54321"], [null, "54321"]])
          if (resolveIdentity(...same) !== null) process.exit(7);
        for (const other of [["0", null], [null, "0"], ["12345", "0"]])
          try { resolveIdentity(...other); process.exit(8); }
          catch (error) { if (!/only root/.test(error.message)) process.exit(9); }
      `;
      assert.deepEqual(await become(["12345", "54321"], again), facts);
    } else {
      const [uid, gid] = [String(process.getuid?.()), String(process.getgid?.())];
      assert.equal(resolveIdentity(uid, gid), null);
      assert.match(refusal("0", null), /only root can become another/);
      assert.match(refusal(uid, "0"), /only root can become another/);
    }
  });
});
