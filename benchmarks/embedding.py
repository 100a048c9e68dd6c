# ruff: noqa: INP001 - scripts, not a package
"""Pictures per second through ViT-B/32: plain torch, ours in torch, ONNX Runtime and int8, relative to matrix products alone.

    python -m benchmarks.embedding
    python -m benchmarks.embedding --rounds 20 --batches 1 4 16 32

Weights are random, because speed does not depend on them. (The accuracy of int8 does: `mediacluster optimize` measures it on your
pictures.) All variants take turns in each round, and the best round of each counts, because other processes only slow rounds down.
On a busy machine, use `--processor`: one thread, and its processor time instead of the clock. *bound*: the rate if encoding
consisted of single-precision matrix products of these sizes only, by the faster of MKL and oneDNN (weights prepared beforehand),
measured in the same rounds.
"""

import argparse
import copy
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import open_clip
import torch

from backend.encoders.packing import pack
from backend.encoders.runtimes.onnx.export import export_module, quantise, require_onnx
from backend.encoders.runtimes.onnx.module import OnnxTower
from benchmarks.frame import Row

_MODEL = "ViT-B-32"
_PIXELS = 224
_TOKENS, _WIDTH, _LAYERS = 50, 768, 12
# Matrix products per picture: input, output, up and down projections of each layer, the first convolution and the last projection.
_PRODUCTS = ((_WIDTH, 3 * _WIDTH), (_WIDTH, _WIDTH), (_WIDTH, 4 * _WIDTH), (4 * _WIDTH, _WIDTH))
_OPERATIONS = (
    2 * _TOKENS * (_LAYERS * sum(k * n for k, n in _PRODUCTS) + 3 * 32 * 32 * _WIDTH)
    + 4 * _LAYERS * _TOKENS**2 * _WIDTH
)

Way = Callable[[], Any]
Clock = Callable[[], float]
EAGER, OURS, ONNX, INT8, BOUND = "torch as it is", "ours, torch", "ours, onnx", "ours, onnx-int8", "bound"


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`."""
    rates = measure([1, 4, 16], rounds=max(3, round(6 * scale)))
    note = f"{_MODEL}, random weights; best batch of each"
    best = {way: max(by_batch[way] for by_batch in rates.values()) for way in (EAGER, OURS, ONNX, INT8)}
    bound = max(by_batch[BOUND] for by_batch in rates.values())
    for way in (OURS, ONNX, INT8):
        yield Row(way.removeprefix("ours, "), best[way], "pictures/s", "more", EAGER, best[EAGER], note=note)
    yield Row(
        "torch, against the bound", best[OURS], "pictures/s", "more", "its matrix products alone", bound, note=note
    )


@torch.inference_mode()
def measure(batches: Sequence[int], *, rounds: int, clock: Clock = time.perf_counter) -> dict[int, dict[str, float]]:
    """Pictures per second by batch size and variant, from the best round of each."""
    require_onnx()
    with tempfile.TemporaryDirectory() as folder:
        ways = _load(Path(folder))
        return {batch: _take_turns(ways, batch, rounds, clock) for batch in batches}


def _load(folder: Path) -> dict[str, torch.nn.Module]:
    logging.disable(logging.WARNING)  # that the weights are random
    torch.manual_seed(0)
    eager = open_clip.create_model(_MODEL).visual.eval()
    logging.disable(logging.NOTSET)
    full, small = folder / "full", folder / "int8"
    full.mkdir()
    small.mkdir()
    with torch.inference_mode(mode=False):
        export_module(eager, {"pixels": torch.rand(2, 3, _PIXELS, _PIXELS)}, {0: "batch"}, full)
    quantise(full / "model.onnx", small, ())
    ours = copy.deepcopy(eager)
    pixels = torch.rand(1, 3, _PIXELS, _PIXELS)
    pack(ours, lambda: ours(pixels))
    return {EAGER: eager, OURS: ours, ONNX: OnnxTower(full / "model.onnx"), INT8: OnnxTower(small / "model.onnx")}


def _take_turns(towers: dict[str, torch.nn.Module], batch: int, rounds: int, clock: Clock) -> dict[str, float]:
    pixels = torch.rand(batch, 3, _PIXELS, _PIXELS)
    ways: dict[str, Way] = {name: partial(tower, pixels) for name, tower in towers.items()}
    by_mkl, by_onednn = _products(batch)
    ways |= {"mkl": by_mkl, "onednn": by_onednn}
    least = dict.fromkeys(ways, float("inf"))
    for number in range(rounds + 1):
        for name, way in ways.items():
            begun = clock()
            way()
            if number:  # the first round allocates memory
                least[name] = min(least[name], clock() - begun)
    rates = {name: batch / least[name] for name in towers}
    operations = 2 * batch * _TOKENS * sum(k * n for k, n in _PRODUCTS)
    rates[BOUND] = operations / min(least["mkl"], least["onednn"]) / _OPERATIONS
    return rates


def _products(batch: int) -> tuple[Way, Way]:
    """The products of one layer, by torch's matrix product and by oneDNN with prepared weights."""
    rows = batch * _TOKENS
    sides = [(torch.rand(rows, k), torch.rand(n, k)) for k, n in _PRODUCTS]
    packed = [(left, torch.ops.mkldnn._reorder_linear_weight(right)) for left, right in sides]  # noqa: SLF001

    def by_mkl() -> None:
        for left, right in sides:
            left @ right.T

    def by_onednn() -> None:
        for left, right in packed:
            torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")  # noqa: SLF001

    return by_mkl, by_onednn


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16, 32])
    parser.add_argument("--processor", action="store_true", help="one thread, by processor time")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if options.processor:
        torch.set_num_threads(1)
    clock = time.process_time if options.processor else time.perf_counter
    rates = measure(options.batches, rounds=options.rounds, clock=clock)
    if options.json:
        sys.stdout.write(json.dumps(rates, indent=2) + "\n")
        return 0
    for batch, by_way in rates.items():
        for way, rate in by_way.items():
            against = f"{rate / by_way[EAGER]:5.2f} times torch, {rate / by_way[BOUND]:4.0%} of the bound"
            sys.stdout.write(f"batch {batch:3}  {way:16} {rate:6.1f} pictures/s  {against}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
