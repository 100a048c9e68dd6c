# ruff: noqa: INP001 - scripts, not a package
"""Run benchmarks and print a table of ratios. This is `make bench`.

python -m benchmarks                       # all, at small scale: some minutes
python -m benchmarks fusion recall         # some
python -m benchmarks fusion --scale 10     # ten times the data
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.frame import as_document, describe_machine, render_machine, render_table
from benchmarks.running import run_apart

# To add a benchmark, write a module with `run(scale) -> rows` and add its name.
CATALOGUE = (
    "embedding",
    "encoding",
    "streams",
    "ingest",
    "fusion",
    "recall",
    "grouping",
    "consolidate",
    "calibration",
    "transfer",
    "search",
    "exact",
    "host",
    "assign",
    "neighbours",
    "growth",
    "pages",
    "change_of_model",
    "start_up",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(CATALOGUE)} (default: all)")
    parser.add_argument("--scale", type=float, default=1.0, help="how many times the usual amount of data")
    parser.add_argument("--out", type=Path, default=Path("bench.json"), help="where the figures go as JSON")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(CATALOGUE)
    if unknown or options.scale <= 0:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}" if unknown else "--scale is above 0")
    machine = describe_machine()
    outcomes = [run_apart(name, options.scale) for name in options.names or CATALOGUE]
    sys.stdout.write(f"\n{render_machine(machine)}\n\n{render_table(outcomes)}")
    options.out.write_text(json.dumps(as_document(outcomes, machine, options.scale), indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"\nAll figures: {options.out}\n")
    return 1 if any(outcome.trouble for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
