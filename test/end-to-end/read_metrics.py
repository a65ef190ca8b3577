"""Reads metrics from standard input as Prometheus' own Python client does, and writes them as JSON.

One object for each family: its name (of a counter without `_total`), its type, and its samples.
"""

from __future__ import annotations

import json
import sys

from prometheus_client.parser import text_string_to_metric_families


def main() -> None:
    families = [
        {
            "name": family.name,
            "type": family.type,
            "help": family.documentation,
            "samples": [
                {"name": sample.name, "labels": sample.labels, "value": sample.value}
                for sample in family.samples
            ],
        }
        for family in text_string_to_metric_families(sys.stdin.read())
    ]
    json.dump(families, sys.stdout)


if __name__ == "__main__":
    main()
