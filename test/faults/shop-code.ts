/**
 * The code that a test deploys: versions of `shop.py`, sound ones and ones that are broken in every
 * way that a deploy can be.
 */

export interface ShopCode {
  /** Seconds that the import takes. */
  readonly importS?: number;
  /** Lines of Python that run before the application is made. */
  readonly lines?: readonly string[];
  /** Body of a function that is asked before each view: a status to answer with, or None. */
  readonly fault?: readonly string[];
}

/** Source of `shop.py`; each of its answers says `version`. */
export function shopCode(version: string, code: ShopCode = {}): string {
  const { importS = 0, lines = [], fault = ["return None"] } = code;
  return [
    "import os, signal, sys, threading, time",
    "import victim",
    `time.sleep(${importS})`,
    ...lines,
    "asked = 0",
    "def fault(environ):",
    "    global asked",
    "    asked += 1",
    ...fault.map((line) => `    ${line}`),
    `app = victim.make_application("${version}", fault)`,
    "",
  ].join("\n");
}

/** A deploy that must not get through. */
export interface BrokenCode {
  readonly what: string;
  readonly code: string;
  /** Must be in the one line of the log. */
  readonly why: RegExp;
  /** Must be in the traceback behind it; null where there can be none. */
  readonly traceback: RegExp | null;
}

/**
 * Code that never gets to serve. The server is asked at `--ready-path /get/ready` and has a short
 * `--start-timeout`.
 */
export function brokenCodes(version: string): readonly BrokenCode[] {
  const at = (lines: readonly string[]): string => shopCode(version, { lines });
  return [
    {
      what: "a syntax error",
      code: at(["def broken(:"]),
      why: /SyntaxError|invalid syntax/,
      traceback: /shop\.py", line \d+/,
    },
    {
      what: "a module that is not there",
      code: at(["import no_such_module_anywhere"]),
      why: /no_such_module_anywhere/,
      traceback: /shop\.py", line \d+/,
    },
    {
      what: "an exception in the import",
      code: at(["raise RuntimeError('the database is away')"]),
      why: /the database is away/,
      traceback: /shop\.py", line \d+/,
    },
    {
      what: "an application that is not there any more",
      code: "application_of_another_name = 1\n",
      why: /app/,
      traceback: null,
    },
    {
      what: "an application that is none",
      code: at(["sys.modules[__name__].__class__"]).replace(/^app = .*$/m, "app = 42"),
      why: /callable/,
      traceback: null,
    },
    { what: "sys.exit", code: at(["sys.exit(0)"]), why: /SystemExit|exit/i, traceback: /shop\.py/ },
    { what: "os._exit", code: at(["os._exit(0)"]), why: /status 0|ended/, traceback: null },
    {
      what: "a crash of the interpreter",
      code: at(["os.kill(os.getpid(), signal.SIGSEGV)"]),
      why: /SIGSEGV|signal 11/,
      traceback: null,
    },
    {
      what: "an import that hangs",
      code: at(["time.sleep(600)"]),
      why: /--start-timeout|within/,
      traceback: null,
    },
    {
      what: "an import that hangs in C",
      code: at(["import ctypes", "ctypes.PyDLL(None).sleep(600)"]),
      why: /--start-timeout|within/,
      traceback: null,
    },
    {
      what: "workers that end at once",
      code: at(["os.register_at_fork(after_in_child=lambda: os._exit(5))"]),
      why: /status 5/,
      traceback: null,
    },
    {
      what: "workers that end soon",
      code: at([
        "def die(): os._exit(6)",
        "os.register_at_fork(after_in_child=lambda: threading.Timer(0.1, die).start())",
      ]),
      why: /status 6/,
      traceback: null,
    },
    {
      what: "workers that hang",
      code: at(["os.register_at_fork(after_in_child=lambda: time.sleep(600))"]),
      why: /--start-timeout|within/,
      traceback: null,
    },
    {
      what: "an application that says that it is not ready",
      code: shopCode(version, {
        fault: [
          "if environ['PATH_INFO'] == '/get/ready': return '500 Internal Server Error'",
          "return None",
        ],
      }),
      why: /\/get\/ready was answered 500/,
      traceback: null,
    },
    {
      what: "an application that raises when it is asked",
      code: shopCode(version, { fault: ["raise RuntimeError('not ready at all')"] }),
      why: /\/get\/ready was answered/,
      traceback: null,
    },
  ];
}
