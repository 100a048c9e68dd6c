# ruff: noqa: INP001 - scripts, not a package
"""Running a benchmark in a process of its own."""

import importlib
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from benchmarks.frame import Benchmark, Outcome, Row


def run_apart(name: str, scale: float) -> Outcome:
    """Run a benchmark in a process of its own, so that memory use and crashes do not affect others."""
    sys.stderr.write(f"{name} ...\n")
    begun = time.perf_counter()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            outcome = pool.submit(_run, name, scale).result()
        except BrokenProcessPool as error:  # killed, most likely for lack of memory
            outcome = Outcome(name, [], time.perf_counter() - begun, str(error))
    sys.stderr.write(f"{name} took {time.perf_counter() - begun:.0f} s\n")
    return outcome


def _run(name: str, scale: float) -> Outcome:
    benchmark: Benchmark = importlib.import_module(f"benchmarks.{name}")
    begun = time.perf_counter()
    rows: list[Row] = []
    try:
        # Keep what was measured before a failure.
        for row in benchmark.run(scale):
            rows.append(row)  # noqa: PERF402 - so that they are there when it breaks
        trouble = ""
    except Exception as error:  # noqa: BLE001 - the other benchmarks go on
        trouble = f"{type(error).__name__}: {error}"
    return Outcome(name, rows, time.perf_counter() - begun, trouble)
