/** The worker classes as the tests start them, and what PEP 3333 has the environ say of each. */

export interface WorkerClassCase {
  readonly name: "process" | "thread" | "request";
  readonly args: readonly string[];
  readonly environ: {
    readonly "wsgi.multithread": "True" | "False";
    readonly "wsgi.multiprocess": "True" | "False";
    readonly "wsgi.run_once": "True" | "False";
  };
}

/** Two workers each, so that no test can count on the one that it talked to before. */
export const WORKER_CLASSES: readonly WorkerClassCase[] = [
  {
    name: "process",
    args: ["--workers", "2"],
    environ: { "wsgi.multithread": "False", "wsgi.multiprocess": "True", "wsgi.run_once": "False" },
  },
  {
    name: "thread",
    args: ["--workers", "2", "--worker-class", "thread", "--threads", "4"],
    environ: { "wsgi.multithread": "True", "wsgi.multiprocess": "True", "wsgi.run_once": "False" },
  },
  {
    name: "request",
    args: ["--workers", "2", "--worker-class", "request"],
    environ: { "wsgi.multithread": "False", "wsgi.multiprocess": "True", "wsgi.run_once": "True" },
  },
];
