"""Pages that say which test shows what: those tests are there."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


class Pages(unittest.TestCase):
    def test_each_test_that_is_named_is_there(self) -> None:
        files = [*ROOT.glob("python/tests/test_*.py"), ROOT / "test/end-to-end/wsgi.test.ts"]
        files.append(ROOT / "test/end-to-end/processes.test.ts")
        source = "\n".join(file.read_text(encoding="utf-8") for file in files)
        page = (ROOT / "docs/pep3333.md").read_text(encoding="utf-8")
        rows = "\n".join(line for line in page.splitlines() if line.startswith("|"))
        named = re.findall(r"`(test_\w+)`", rows)
        quoted = re.findall(r'"([^"|]+)"', rows)
        self.assertGreater(len(named), 50)
        self.assertGreater(len(quoted), 10)
        missing = [name for name in named if f"def {name}(" not in source]
        missing += [name for name in quoted if f'"{name}"' not in source]
        self.assertEqual(missing, [])
