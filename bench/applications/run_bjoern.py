"""Serves `MODULE:app` with bjoern, which has no command of its own: run_bjoern.py MODULE PORT."""

from __future__ import annotations

import importlib
import sys

import bjoern  # type: ignore[import-not-found, unused-ignore]

if __name__ == "__main__":
    module, port = sys.argv[1:]
    bjoern.run(importlib.import_module(module).app, "127.0.0.1", int(port))
