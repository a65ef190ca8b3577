/** The stream of events: what is sent, to whom, and that nothing is made for nobody. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { EventFeed, type Viewer } from "../../../src/server/dashboard/event-feed.ts";
import { EventStreamReader } from "../../../src/server/dashboard/page/event-stream.ts";
import type { Snapshot, TrafficPoint } from "../../../src/server/observation/snapshot.ts";
import { PlayedObserved } from "./played-observed.ts";

const BEGIN_MS = 1_800_000_000_000;

class FakeViewer implements Viewer {
  text = "";
  writableLength = 0;
  state: "open" | "ended" | "destroyed" = "open";

  write(text: string): void {
    this.text += text;
  }

  end(): void {
    this.state = "ended";
  }

  destroy(): void {
    this.state = "destroyed";
  }

  /** Names of the events so far, and forgets them. */
  take(): { name: string; data: unknown }[] {
    const events = new EventStreamReader().push(this.text);
    this.text = "";
    return events.map(({ name, data }) => ({ name, data: JSON.parse(data) as unknown }));
  }

  names(): string[] {
    return this.take().map(({ name }) => name);
  }
}

function pointsOf(event: { readonly data: unknown } | undefined): readonly TrafficPoint[] {
  return (event?.data ?? []) as readonly TrafficPoint[];
}

describe("the events of the live page", () => {
  let observed: PlayedObserved;
  let feed: EventFeed;
  const broken: unknown[] = [];
  const pass = (ms: number): void => {
    observed.nowMs += ms;
    mock.timers.tick(ms);
  };

  beforeEach(() => {
    mock.timers.enable({ apis: ["setInterval"] });
    observed = new PlayedObserved(BEGIN_MS);
    broken.length = 0;
    feed = new EventFeed(observed, true, (error) => broken.push(error));
  });
  afterEach(() => {
    feed.close();
    mock.timers.reset();
  });

  test("begin with what may be done and ten minutes, then come each second", () => {
    const viewer = new FakeViewer();
    feed.add(viewer);
    const [welcome, points, snapshot, ...rest] = viewer.take();
    assert.deepEqual(welcome, { name: "welcome", data: { actions: true, intervalMs: 1_000 } });
    assert.equal(points?.name, "points");
    assert.equal(pointsOf(points).length, 600);
    assert.equal(snapshot?.name, "snapshot");
    assert.deepEqual(snapshot?.data, JSON.parse(JSON.stringify(observed.snapshot(100))));
    assert.deepEqual(rest, []);
    pass(1_000);
    assert.deepEqual(viewer.names(), ["snapshot"]);
    pass(3_000);
    assert.deepEqual(viewer.names().filter((name) => name === "snapshot").length, 3);
  });

  test("are one text for all, and none is made while nobody looks", () => {
    pass(10_000);
    assert.equal(observed.snapshots, 0);
    const viewers = [new FakeViewer(), new FakeViewer(), new FakeViewer()];
    for (const viewer of viewers) feed.add(viewer);
    const begun = observed.snapshots;
    pass(1_000);
    assert.equal(observed.snapshots, begun + 1);
    const [first, ...others] = viewers.map((viewer) => JSON.stringify(viewer.take().at(-1)));
    for (const other of others) assert.equal(other, first);
    for (const viewer of viewers) feed.remove(viewer);
    const { snapshots, histories } = observed;
    pass(60_000);
    assert.deepEqual([observed.snapshots, observed.histories], [snapshots, histories]);
  });

  test("bring seconds that were left out", () => {
    const viewer = new FakeViewer();
    feed.add(viewer);
    const shown = viewer.take().at(-1)?.data as Snapshot;
    observed.nowMs += 4_000;
    pass(1_000);
    const [points, snapshot] = viewer.take();
    assert.equal(points?.name, "points");
    const times = pointsOf(points).map(({ atMs }) => atMs);
    const lastMs = shown.latest?.atMs ?? 0;
    assert.deepEqual(
      times,
      [1, 2, 3, 4, 5].map((seconds) => lastMs + seconds * 1_000),
    );
    assert.equal(snapshot?.name, "snapshot");
  });

  test("pass over who does not take them, and give up on who never does", () => {
    const [slow, quick] = [new FakeViewer(), new FakeViewer()];
    feed.add(slow);
    feed.add(quick);
    slow.take();
    slow.writableLength = 2_000_000;
    pass(5_000);
    assert.deepEqual(slow.take(), []);
    slow.writableLength = 0;
    pass(1_000);
    assert.deepEqual(slow.names(), ["points", "snapshot"]);
    slow.writableLength = 2_000_000;
    pass(31_000);
    assert.equal(slow.state, "destroyed");
    assert.equal(quick.state, "open");
  });

  test("are for eight at once, and end with the server", () => {
    const viewers = Array.from({ length: 8 }, () => new FakeViewer());
    for (const viewer of viewers) {
      assert.ok(!feed.isFull);
      feed.add(viewer);
    }
    assert.ok(feed.isFull);
    feed.close();
    assert.deepEqual(new Set(viewers.map(({ state }) => state)), new Set(["ended"]));
    assert.ok(!feed.isFull);
  });

  test("end where a snapshot cannot be made, and the process goes on", () => {
    const viewer = new FakeViewer();
    feed.add(viewer);
    const mistake = new Error("played");
    mock.method(observed, "snapshot", () => {
      throw mistake;
    });
    pass(1_000);
    assert.deepEqual(broken, [mistake]);
    assert.equal(viewer.state, "ended");
    pass(1_000);
    assert.equal(broken.length, 1);
  });

  describe("where several gateways have to be asked first", () => {
    let asked: ((snapshot: Snapshot) => void)[];
    const settle = async (): Promise<void> => {
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    };
    const answerAll = async (): Promise<void> => {
      for (const resolve of asked.splice(0)) resolve(snapshot);
      await settle();
    };
    let snapshot: Snapshot;

    beforeEach(() => {
      asked = [];
      snapshot = observed.snapshot(5);
      mock.method(
        observed,
        "snapshot",
        () => new Promise<Snapshot>((resolve) => asked.push(resolve)),
      );
    });

    test("come when these have answered; meanwhile nobody asks again", async () => {
      const viewer = new FakeViewer();
      feed.add(viewer);
      assert.deepEqual(viewer.names(), ["welcome"]);
      await answerAll();
      assert.deepEqual(viewer.names(), ["points", "snapshot"]);
      pass(1_000);
      pass(3_000);
      assert.equal(asked.length, 1);
      await answerAll();
      assert.deepEqual(viewer.names(), ["snapshot"]);
      pass(1_000);
      assert.equal(asked.length, 1);
    });

    test("are not for who has left meanwhile", async () => {
      const [gone, still] = [new FakeViewer(), new FakeViewer()];
      for (const viewer of [gone, still]) feed.add(viewer);
      feed.remove(gone);
      await answerAll();
      assert.deepEqual([gone.names(), still.names().at(-1)], [["welcome"], "snapshot"]);
    });

    test("end where they cannot be asked", async () => {
      const viewer = new FakeViewer();
      feed.add(viewer);
      await answerAll();
      const mistake = new Error("played");
      mock.method(observed, "snapshot", () => Promise.reject(mistake));
      pass(1_000);
      await settle();
      assert.deepEqual([broken, viewer.state], [[mistake], "ended"]);
    });
  });

  test("hold whatever clients write inside of their lines", () => {
    observed.openConnections = 5;
    const viewer = new FakeViewer();
    const evil = "GET /\n\nevent: snapshot\ndata: {}\n\n\r\u2028";
    const snapshot = observed.snapshot(5);
    mock.method(observed, "snapshot", () => ({
      ...snapshot,
      errors: [{ ...snapshot.errors[0], request: evil }],
    }));
    feed.add(viewer);
    const events = viewer.take();
    assert.deepEqual(
      events.map(({ name }) => name),
      ["welcome", "points", "snapshot"],
    );
    const shown = events[2]?.data as Snapshot | undefined;
    assert.equal(shown?.errors[0]?.request, evil);
  });
});
